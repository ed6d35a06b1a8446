"""The child process of the self-test: one JSON object on its last line of standard output, then it is gone.

1. Open the slot (digest checked again) on the manifest's providers.
2. Run the golden inputs; every output element must satisfy |got - want| ≤ absolute + relative · |want| (as
   `numpy.allclose`), and none may be NaN or infinite.
3. Time single runs; their median must keep the latency budget.
"""

import base64
import json
import math
import signal
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.inference.failures import NotInstalled, RuntimeFailed
from edge_agent.inference.session import Session
from edge_agent.installed import slots
from edge_agent.update.failures import Failure

WARM_UP_RUNS = 2
TIMED_RUNS = 20
TIMED_SECONDS = 10.0

Tensors = dict[str, NDArray[Any]]


def main(arguments: list[str]) -> int:
    """Test the slot named by the first argument within the seconds of the second."""
    signal.signal(
        signal.SIGTERM, signal.SIG_IGN
    )  # the agent decides when this ends, and the alarm when the agent is gone
    signal.alarm(math.ceil(float(arguments[1])) + 1)
    answer = run(Path(arguments[0]))
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
    return 0 if "failure" not in answer else 3


def run(slot: Path) -> dict[str, Any]:
    """Return the providers and the latency, or a failure class and its message."""
    manifest, model = slots.open_slot(slot)
    golden = manifest.self_test
    try:
        inputs, wanted = decode(golden["inputs"]), decode(golden["outputs"])
    except (ValueError, KeyError, TypeError) as error:
        return _failure(Failure.MANIFEST_INVALID, f"the self-test's tensors cannot be read: {error}")
    try:
        session = Session(model, providers=manifest.providers, options=manifest.options)
    except RuntimeFailed as error:
        return _failure(
            Failure.INCOMPATIBLE if isinstance(error, NotInstalled) else Failure.SELF_TEST_FAILED, str(error)
        )
    try:
        problem = compare(
            session.run(inputs),
            wanted,
            absolute=golden["absolute_tolerance"],
            relative=golden["relative_tolerance"],
        )
        latency_ms = measure(session, take_one(inputs, declared=manifest.inputs))
    except RuntimeFailed as error:
        return _failure(Failure.SELF_TEST_FAILED, str(error))
    if problem:
        return _failure(Failure.SELF_TEST_FAILED, problem)
    if latency_ms > golden["latency_budget_ms"]:
        message = f"one inference takes {latency_ms:.2f} ms, the budget is {golden['latency_budget_ms']:g} ms"
        return _failure(Failure.LATENCY_BUDGET, message)
    return {
        "active_providers": session.active_providers,
        "wanted_providers": list(manifest.providers),
        "latency_p50_ms": round(latency_ms, 4),
    }


def decode(tensors: dict[str, Any]) -> Tensors:
    """Return arrays by name from a manifest's tensors (base64 of little-endian C-order bytes)."""
    arrays = {}
    for name, tensor in tensors.items():
        dtype = np.dtype(tensor["dtype"]).newbyteorder("<")
        flat = np.frombuffer(base64.b64decode(tensor["data"], validate=True), dtype=dtype)
        arrays[name] = flat.reshape(tensor["shape"]).astype(dtype.newbyteorder("="))
    return arrays


def compare(got: Tensors, wanted: Tensors, *, absolute: float, relative: float) -> str:
    """Return what is wrong with the outputs, or an empty text."""
    for name, want in wanted.items():
        if name not in got or got[name].shape != want.shape:
            return f"output {name} is missing or has another shape than {list(want.shape)}"
        have = got[name].astype(np.float64)
        if not np.isfinite(have).all():
            return f"output {name} holds NaN or infinity"
        over = np.abs(have - want) > absolute + relative * np.abs(want.astype(np.float64))
        if over.any():
            worst = float(np.abs(have - want).max())
            return f"output {name}: {int(over.sum())} of {over.size} elements are off, the worst by {worst:.4g}"
    return ""


def take_one(inputs: Tensors, *, declared: tuple[dict[str, Any], ...]) -> Tensors:
    """Return the first golden sample where the model's first axis is free, else all: an application infers one at a time."""
    is_free = all(tensor["shape"] and not isinstance(tensor["shape"][0], int) for tensor in declared)
    return {name: array[:1] for name, array in inputs.items()} if is_free else inputs


def measure(session: Session, inputs: Tensors) -> float:
    """Return the median latency of one run, in milliseconds."""
    for _ in range(WARM_UP_RUNS):
        session.run(inputs)
    latencies: list[float] = []
    deadline = time.perf_counter() + TIMED_SECONDS
    while len(latencies) < TIMED_RUNS and (not latencies or time.perf_counter() < deadline):
        started = time.perf_counter()
        session.run(inputs)
        latencies.append((time.perf_counter() - started) * 1000)
    return statistics.median(latencies)


def _failure(failure: Failure, message: str) -> dict[str, Any]:
    return {"failure": failure, "message": message}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
