"""The hardware of a target in a few short lines, for the cards of the upload page."""

from dataclasses import dataclass

from registry.compression.targets import HardwareTarget


@dataclass(frozen=True, slots=True)
class TargetCard:
    """One target to choose, with facts for people who know their board by them."""

    target: HardwareTarget

    @property
    def facts(self) -> list[str]:
        """Processor, accelerator, memory and power, a line each; nothing where no data sheet was read."""
        found = self.target.hardware
        if found is None:
            return []
        lines = {
            "CPU": found.cpu,
            "Accelerator": " · ".join(filter(None, [found.npu, _write_range(found.tops, "TOPS")])),
            "RAM": found.ram,
            "Power": _write_range(found.watts, "W"),
        }
        return [f"{name}: {line}" for name, line in lines.items() if line]

    @property
    def source(self) -> str:
        """Where the facts come from."""
        return self.target.hardware.source if self.target.hardware else ""


def _write_range(ends: tuple[float, float] | None, unit: str) -> str:
    if ends is None:
        return ""
    low, high = ends
    return f"{low:g} {unit}" if low == high else f"{low:g}–{high:g} {unit}"
