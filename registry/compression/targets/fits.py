"""Whether a file can run on a target at all: pure functions of its size, its memory and its versions."""

from collections.abc import Iterator

from registry.compression.targets import HardwareTarget

_MEBIBYTE = 1 << 20
# The operating system, the agent and the application take the rest.
_USABLE_RATIO = 0.75


def find_obstacles(
    target: HardwareTarget,
    *,
    parameter_bytes: int,
    peak_memory_bytes: int | None = None,
    opset: int | None = None,
    ir_version: int | None = None,
) -> list[str]:
    """Return a sentence for each reason why a file cannot run on the target; none means that it fits.

    ``parameter_bytes`` is what the weights take in memory, in the type that they are computed in: four bytes each for the storage
    recipes. ``peak_memory_bytes`` was measured on the builder; None means that it was not.
    """
    return [*_memory(target, parameter_bytes, peak_memory_bytes), *_versions(target, opset, ir_version)]


def _memory(target: HardwareTarget, parameter_bytes: int, peak_memory_bytes: int | None) -> Iterator[str]:
    usable = int(target.ram_bytes * _USABLE_RATIO)
    needed = max(parameter_bytes, peak_memory_bytes or 0)
    if needed > usable:
        kind = "weights take" if needed == parameter_bytes else "inference takes"
        yield (
            f"Its {kind} {needed // _MEBIBYTE} MiB; {target.title} has {target.ram_bytes // _MEBIBYTE} MiB of memory, "
            f"{usable // _MEBIBYTE} MiB of them for a model."
        )


def _versions(target: HardwareTarget, opset: int | None, ir_version: int | None) -> Iterator[str]:
    for name, value, most in (
        ("operator set", opset, target.max_opset),
        ("format version (IR)", ir_version, target.max_ir_version),
    ):
        if value is not None and most is not None and value > most:
            yield f"Its {name} is {value}; the runtime that ships for {target.title} knows {most} at most."
