"""Times a variant and its source in one process and in turn, so that a noisy host slows both alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

from registry.compression.arrays import Array
from registry.compression.evaluation import machine
from registry.compression.evaluation.results import Latency
from registry.compression.runtime import open_session

_WARM_UP_ROUNDS = 5
# At least and at most; slow models get few rounds, so that no model runs into the limit of the sandbox.
_ROUNDS = (4, 200)
_WARM_UP_SECONDS = 0.2
_SECONDS = 1.0

Feed = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class _Times:
    """Milliseconds of (p50, p95, p99, mean) of the variant and of its source, and the median of source ÷ variant."""

    variant: tuple[float, float, float, float]
    source: tuple[float, float, float, float]
    speed_ratio: float


def measure(source: bytes, variant: bytes, *, feed: Feed) -> Latency:
    """Return the latencies of both at one and two threads."""
    alone, in_pairs = (_time_both(source, variant, feed=feed, threads=threads) for threads in (1, 2))
    return {
        "latency_p50_ms": alone.variant[0],
        "latency_p95_ms": alone.variant[1],
        "latency_p99_ms": alone.variant[2],
        "inferences_per_second": _per_second(alone.variant),
        "source_latency_p50_ms": alone.source[0],
        "source_latency_p95_ms": alone.source[1],
        "source_latency_p99_ms": alone.source[2],
        "source_inferences_per_second": _per_second(alone.source),
        "latency_p50_ms_2_threads": in_pairs.variant[0],
        "latency_p95_ms_2_threads": in_pairs.variant[1],
        "latency_p99_ms_2_threads": in_pairs.variant[2],
        "inferences_per_second_2_threads": _per_second(in_pairs.variant),
        "source_latency_p50_ms_2_threads": in_pairs.source[0],
        "source_latency_p95_ms_2_threads": in_pairs.source[1],
        "source_latency_p99_ms_2_threads": in_pairs.source[2],
        "source_inferences_per_second_2_threads": _per_second(in_pairs.source),
        "speed_ratio": alone.speed_ratio,
        "has_int8_dot_product": machine.has_int8_dot_product(),
    }


def _time_both(source: bytes, variant: bytes, *, feed: Feed, threads: int) -> _Times:
    runs = [_timer(open_session(model, threads=threads), feed) for model in (variant, source)]
    _repeat(runs, rounds=(1, _WARM_UP_ROUNDS), seconds=_WARM_UP_SECONDS)
    times = np.array(_repeat(runs, rounds=_ROUNDS, seconds=_SECONDS))
    variant_times, source_times = times[:, 0], times[:, 1]
    return _Times(
        variant=_summarize(variant_times),
        source=_summarize(source_times),
        speed_ratio=round(float(np.median(source_times / variant_times)), 4),
    )


def _repeat(runs: list[Callable[[], float]], *, rounds: tuple[int, int], seconds: float) -> list[tuple[float, ...]]:
    """Run all in turn, round after round, until the time or the largest number of rounds is reached."""
    least, most = rounds
    times: list[tuple[float, ...]] = []
    ends_at = time.perf_counter() + seconds
    while len(times) < least or (len(times) < most and time.perf_counter() < ends_at):
        # Each goes first in turn: the second finds warm caches.
        order = runs if len(times) % 2 == 0 else runs[::-1]
        taken = [run() for run in order]
        times.append(tuple(taken if order is runs else taken[::-1]))
    return times


def _summarize(times: Array) -> tuple[float, float, float, float]:
    p50, p95, p99 = np.percentile(times, [50, 95, 99]).round(4).tolist()
    return p50, p95, p99, float(times.mean())


def _per_second(times: tuple[float, float, float, float]) -> float:
    return round(1000 / times[3], 2)


def _timer(session: ort.InferenceSession, feed: Feed) -> Callable[[], float]:
    inputs = dict(feed)

    def run() -> float:
        start = time.perf_counter()
        session.run(None, inputs)
        return (time.perf_counter() - start) * 1000

    return run
