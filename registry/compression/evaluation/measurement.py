"""Measures a variant against its source in one process and in turn, so that a noisy host slows both alike."""

import ctypes
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from registry.compression.arrays import Array
from registry.compression.calibration.samples import Samples
from registry.compression.evaluation.parity import Parity
from registry.compression.evaluation.results import Comparison, ParityNumbers
from registry.compression.runtime import open_session, random_feed
from registry.compression.tensor_specs import TensorSpec

_PARITY_FEEDS = 512
_RANDOM_FEEDS = 16
_WARM_UP_ROUNDS = 5
_ROUNDS = (10, 200)
_LATENCY_BUDGET_SECONDS = 0.6

Feed = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class _Latencies:
    """Milliseconds of a variant and its source at the same number of threads."""

    p50: float
    p95: float
    source_p50: float
    source_p95: float


def measure(
    source: bytes, variant: bytes, *, inputs: Sequence[TensorSpec], sizes: Mapping[str, int], samples: Samples | None
) -> Comparison:
    """Return parity, latency at one and two threads, and the memory that each adds when it is loaded and run."""
    feeds = _choose_feeds(inputs, sizes=sizes, samples=samples)
    first = feeds[0][0]
    memory = _peak_memory(lambda: open_session(variant).run(None, dict(first)))
    source_memory = _peak_memory(lambda: open_session(source).run(None, dict(first)))
    parity = _compare(source, variant, feeds=feeds)
    alone, in_pairs = (_time_both(source, variant, feed=first, threads=threads) for threads in (1, 2))
    return {
        **parity,
        "parity_samples": len(feeds),
        "parity_on": "random" if samples is None else "held_out",
        "latency_p50_ms": alone.p50,
        "latency_p95_ms": alone.p95,
        "source_latency_p50_ms": alone.source_p50,
        "source_latency_p95_ms": alone.source_p95,
        "latency_p50_ms_2_threads": in_pairs.p50,
        "latency_p95_ms_2_threads": in_pairs.p95,
        "source_latency_p50_ms_2_threads": in_pairs.source_p50,
        "source_latency_p95_ms_2_threads": in_pairs.source_p95,
        "peak_memory_bytes": memory,
        "source_peak_memory_bytes": source_memory,
    }


def describe_machine() -> str:
    """Name the machine that measured: architecture, processor, cores, runtime."""
    return f"{platform.machine()}, {_processor()}, {os.cpu_count()} cores, ONNX Runtime {ort.__version__}"


def _choose_feeds(
    inputs: Sequence[TensorSpec], *, sizes: Mapping[str, int], samples: Samples | None
) -> list[tuple[Feed, Array | None]]:
    if samples is None:
        return [(random_feed(inputs, sizes=sizes, seed=seed), None) for seed in range(_RANDOM_FEEDS)]
    return [(samples.feed(index), samples.feed_labels(index)) for index in samples.held_out[:_PARITY_FEEDS]]


def _compare(source: bytes, variant: bytes, *, feeds: Sequence[tuple[Feed, Array | None]]) -> ParityNumbers:
    parity = Parity()
    before, after = open_session(source), open_session(variant)
    names = [output.name for output in before.get_outputs()]
    for feed, labels in feeds:
        parity.add(before.run(names, dict(feed)), after.run(names, dict(feed)), labels=labels)
    return parity.summarize()


def _time_both(source: bytes, variant: bytes, *, feed: Feed, threads: int) -> _Latencies:
    runs = [_timer(open_session(model, threads=threads), feed) for model in (variant, source)]
    for _ in range(_WARM_UP_ROUNDS):
        for run in runs:
            run()
    rounds: list[tuple[float, ...]] = []
    ends_at = time.perf_counter() + _LATENCY_BUDGET_SECONDS
    while len(rounds) < _ROUNDS[0] or (len(rounds) < _ROUNDS[1] and time.perf_counter() < ends_at):
        rounds.append(tuple(run() for run in runs))
    (p50, source_p50), (p95, source_p95) = np.percentile(np.array(rounds), [50, 95], axis=0).round(4).tolist()
    return _Latencies(p50=p50, p95=p95, source_p50=source_p50, source_p95=source_p95)


def _timer(session: ort.InferenceSession, feed: Feed) -> Callable[[], float]:
    inputs = dict(feed)

    def run() -> float:
        start = time.perf_counter()
        session.run(None, inputs)
        return (time.perf_counter() - start) * 1000

    return run


def _peak_memory(work: Callable[[], object]) -> int | None:
    """Return by how much the resident memory of this process grows at most while ``work`` runs.

    ``clear_refs`` 5 resets the high-water mark (proc(5)); None where the kernel does not let us.
    """
    ctypes.CDLL(None).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = _status_bytes("VmRSS")
        work()
        return max(0, _status_bytes("VmHWM") - before)
    except OSError:
        return None


def _status_bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.processor() or "unknown processor"
