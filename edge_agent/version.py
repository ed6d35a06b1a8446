"""The agent's own version, compared with a manifest's `min_agent_version`."""

__version__ = "0.1.0"


def parse(text: str) -> tuple[int, ...]:
    """Return the numbers of a dotted release (`1.2.0` → `(1, 2, 0)`), leaving out a pre-release or build suffix.

    Raises:
        ValueError: a part is not a number.
    """
    release = text.split("+", 1)[0].split("-", 1)[0]
    numbers = tuple(int(part) for part in release.split("."))
    return numbers + (0,) * (3 - len(numbers))
