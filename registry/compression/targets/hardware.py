"""The hardware of a target, for a reader: no rule depends on these facts."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Facts from a data sheet; a range is (lowest, highest) of the boards that the target stands for."""

    cpu: str
    ram: str
    # The document that the facts come from, and which of them do not come from it.
    source: str
    npu: str = ""
    # Trillions of operations a second, as the maker counts.
    tops: tuple[float, float] | None = None
    watts: tuple[float, float] | None = None


_TEXTS = ("cpu", "npu", "ram", "source")
_RANGES = ("tops", "watts")


def read_facts(body: object) -> Hardware:
    """Read the table ``[hardware]`` of a target file.

    Raises:
        TypeError: No table.
        ValueError: An unknown or missing key, a wrong type, or a range whose ends are not in order.
    """
    if not isinstance(body, dict):
        message = "hardware is a table"
        raise TypeError(message)
    if unknown := sorted(set(body) - {*_TEXTS, *_RANGES}):
        message = f'the key "hardware.{unknown[0]}" is not known'
        raise ValueError(message)
    texts = {name: _read_text(name, body[name]) for name in _TEXTS if name in body}
    ranges = {name: _read_range(name, body[name]) for name in _RANGES if name in body}
    if missing := sorted({"cpu", "ram", "source"} - set(texts)):
        message = f'the key "hardware.{missing[0]}" is missing'
        raise ValueError(message)
    return Hardware(
        cpu=texts["cpu"],
        ram=texts["ram"],
        source=texts["source"],
        npu=texts.get("npu", ""),
        tops=ranges.get("tops"),
        watts=ranges.get("watts"),
    )


def _read_text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        message = f'the key "hardware.{name}" is a text'
        raise ValueError(message)
    return value


def _read_range(name: str, value: object) -> tuple[float, float]:
    is_pair = isinstance(value, list) and len(value) == 2 and all(type(end) in (int, float) for end in value)
    if not isinstance(value, list) or not is_pair or not 0 < value[0] <= value[1]:
        message = f'the key "hardware.{name}" is a range of two numbers above 0'
        raise ValueError(message)
    return float(value[0]), float(value[1])
