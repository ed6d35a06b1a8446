"""The gates of the finished file: size, speed, and operators that are bound to one machine.

A latency binds only where target and builder share architecture and instruction set; elsewhere it is shown. Without 8-bit
dot products, INT8 is slow on the builder for reasons that the device need not share, so it decides nothing there either.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from registry.compression.budget import VariantLimits
from registry.compression.evaluation.gates.sentences import whose
from registry.compression.evaluation.results import GateKind, Measurements

# A shorter p50 depends more on the host than on the model.
COMPARABLE_LATENCY_MS = 1.0
MAX_SLOWDOWN = 1.05
# Quantized activations cost accuracy; they are worth it where they give speed.
MIN_SPEEDUP = 1.1
_HOST_BOUND_DOMAIN = "com.microsoft.nchwc"


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What the parent process knows of a built file beside its measurements."""

    gate: GateKind
    # The domains of its operators.
    domains: Collection[str] = ("",)
    # Whether a latency of the builder means something on the target.
    has_comparable_latency: bool = False
    sets_activation_ranges: bool = False


def judge(measurements: Measurements, *, limits: VariantLimits, conditions: Conditions) -> list[str]:
    """Return a sentence for each gate that is missed."""
    missed = [*_size(measurements, limits, conditions), *_latency(measurements, limits, conditions)]
    if _HOST_BOUND_DOMAIN in conditions.domains:
        missed.append(f"It has operators of {_HOST_BOUND_DOMAIN}, which are bound to the machine that built it.")
    return missed


def _size(measurements: Measurements, limits: VariantLimits, conditions: Conditions) -> Iterator[str]:
    size, source, most = measurements["size"], measurements["source_size"], limits.max_size_bytes
    if most is not None and size > most.value:
        yield f"It has {size} bytes; at most {most.value:.0f} are allowed {whose(most)}."
    if conditions.gate == "quantized" and size >= source:
        yield f"It has {size} bytes, and is not smaller than its source of {source}."


def _latency(measurements: Measurements, limits: VariantLimits, conditions: Conditions) -> Iterator[str]:
    if not conditions.has_comparable_latency:
        return
    if conditions.sets_activation_ranges and not measurements["has_int8_dot_product"]:
        return
    p50, most = measurements["latency_p50_ms"], limits.latency_ms
    if most is not None and p50 > most.value:
        yield f"It takes {p50:.1f} ms on one thread; at most {most.value:g} ms are allowed {whose(most)}."
    if conditions.gate == "quantized" and measurements["source_latency_p50_ms"] >= COMPARABLE_LATENCY_MS:
        yield from _speed(measurements, conditions)


def _speed(measurements: Measurements, conditions: Conditions) -> Iterator[str]:
    p50, source, ratio = (
        measurements["latency_p50_ms"],
        measurements["source_latency_p50_ms"],
        measurements["speed_ratio"],
    )
    if ratio < 1 / MAX_SLOWDOWN:
        yield f"It takes {p50:.2f} ms on one thread, and is slower than its source with {source:.2f} ms."
    elif conditions.sets_activation_ranges and ratio < MIN_SPEEDUP:
        yield (
            f"It takes {p50:.2f} ms on one thread, its source {source:.2f} ms; quantized activations must make it "
            f"at least {MIN_SPEEDUP} times faster."
        )
