"""The gates that a built file passes to be READY: pure functions of the measurements. Each missed gate is a sentence.

``exact`` recipes must give the same numbers; ``quantized`` ones may round, within limits that trained models keep. A model
with random weights does not keep them, and is rejected here.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from registry.compression.evaluation.results import Measurements

MIN_AGREEMENT = 0.98
MIN_SQNR_DB = {"quantized": 20.0, "exact": 60.0}
MAX_ACCURACY_LOST = 0.01
# A shorter p50 depends more on the host than on the model.
COMPARABLE_LATENCY_MS = 1.0
_LATENCY_NOISE_RATIO = 1.1
_HOST_BOUND_DOMAIN = "com.microsoft.nchwc"
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The budgets of the target, and whether a latency measured on the builder is comparable with them."""

    gate: str
    max_size_bytes: int | None = None
    latency_budget_ms: float | None = None
    is_same_architecture: bool = False


def judge(measurements: Measurements, *, domains: Collection[str], budget: Budget) -> list[str]:
    """Return a sentence for each gate that is missed; none means READY."""
    missed = [sentence for gate in _GATES for sentence in gate(measurements, budget)]
    if _HOST_BOUND_DOMAIN in domains:
        missed.append(f"It has operators of {_HOST_BOUND_DOMAIN}, which are bound to the machine that built it.")
    return missed


def _finite(measurements: Measurements, _: Budget) -> Iterator[str]:
    if not measurements["is_finite"]:
        yield "Its outputs, or those of its source, are NaN or infinite on a sample."


def _agreement(measurements: Measurements, budget: Budget) -> Iterator[str]:
    agreement = measurements["agreement"]
    if budget.gate == "quantized" and agreement is not None and agreement < MIN_AGREEMENT - _ROUNDING:
        samples = measurements["parity_samples"]
        yield f"It agrees with its source on {agreement:.1%} of {samples} held-out samples; at least {MIN_AGREEMENT:.0%} is wanted."


def _sqnr(measurements: Measurements, budget: Budget) -> Iterator[str]:
    sqnr, wanted = measurements["sqnr_db"], MIN_SQNR_DB[budget.gate]
    if sqnr is not None and sqnr < wanted:
        yield f"Its outputs have a signal-to-quantization-noise ratio of {sqnr:.1f} dB; at least {wanted:.0f} dB is wanted."


def _accuracy(measurements: Measurements, _: Budget) -> Iterator[str]:
    before, after = measurements["accuracy_before"], measurements["accuracy_after"]
    if before is not None and after is not None and before - after > MAX_ACCURACY_LOST + _ROUNDING:
        yield f"Its accuracy is {after:.1%}, that of its source {before:.1%}; at most {MAX_ACCURACY_LOST:.0%} may be lost."


def _size(measurements: Measurements, budget: Budget) -> Iterator[str]:
    size, source = measurements["size"], measurements["source_size"]
    if budget.max_size_bytes is not None and size > budget.max_size_bytes:
        yield f"It has {size} bytes; the target allows {budget.max_size_bytes}."
    if budget.gate == "quantized" and size >= source:
        yield f"It has {size} bytes, and is not smaller than its source of {source}."


def _latency(measurements: Measurements, budget: Budget) -> Iterator[str]:
    if not budget.is_same_architecture:
        return
    p50, source = measurements["latency_p50_ms"], measurements["source_latency_p50_ms"]
    if budget.latency_budget_ms is not None and p50 > budget.latency_budget_ms:
        yield f"It takes {p50:.1f} ms on one thread; the target allows {budget.latency_budget_ms:g} ms."
    if budget.gate == "quantized" and source >= COMPARABLE_LATENCY_MS and p50 > source * _LATENCY_NOISE_RATIO:
        yield f"It takes {p50:.2f} ms on one thread, and is slower than its source with {source:.2f} ms."


_GATES: tuple[Callable[[Measurements, Budget], Iterator[str]], ...] = (
    _finite,
    _agreement,
    _sqnr,
    _accuracy,
    _size,
    _latency,
)
