"""Write names for people: code words, actors, digests, and measurements whose unit is part of their name."""

from console.formats.quantities import NOTHING, percent, size

_ABBREVIATIONS = frozenset({"cpu", "gpu", "ram"})


def words(name: str) -> str:
    """Write a code word as words."""
    return str(name).replace("_", " ")


def sentence(text: str) -> str:
    """End a person's text as a sentence, so that another sentence may follow."""
    text = str(text).rstrip()
    return text if not text or text[-1] in ".!?…" else f"{text}."


def actor(name: str) -> str:
    """Write an actor of the audit trail for people: ``person:ann`` is ann."""
    kind, separator, rest = str(name).partition(":")
    return (
        {"person": rest, "token": f"{rest} (API token)", "system": "Modelfleet"}.get(kind, name) if separator else name
    )


def short(digest: object) -> str:
    """Write the first twelve digits of a digest."""
    return str(digest)[:12] if digest else NOTHING


def fact(name: str) -> str:
    """Write the name of a measurement, without the unit that ``described`` writes beside the value."""
    written = words(str(name).removesuffix("_bytes").removesuffix("_ratio"))
    return " ".join(word.upper() if word in _ABBREVIATIONS else word for word in written.split())


def described(value: object, name: str) -> str:
    """Write a value of JSON by its name: one in ``_bytes`` is a size, one in ``_ratio`` is a share of 1."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or NOTHING
    if isinstance(value, dict):
        return ", ".join(f"{key}: {inner}" for key, inner in value.items()) or NOTHING
    if isinstance(value, int | float) and str(name).endswith("_bytes"):
        return size(value)
    if isinstance(value, int | float) and str(name).endswith("_ratio"):
        return percent(value)
    return NOTHING if value is None else str(value)
