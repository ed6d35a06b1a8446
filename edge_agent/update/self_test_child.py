"""The child process of the self-test. It prints one JSON object (`self_test.Finding`) on its last line, and ends.

1. Open the slot (its digest is checked again) on the manifest's providers.
2. Run the golden inputs. Every output element must satisfy |got - want| ≤ absolute + relative · |want| (as
   `numpy.allclose`), or the outputs must mean the same where the manifest asks for that (`inference.task_judging`). No
   element may be NaN or infinite.
3. Time single runs. Their median must stay within the latency budget.

An agent that was updated on the disk while it runs starts the new child by this module's name, so the name is fixed.
"""

import base64
import json
import math
import signal
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edge_agent.inference import task_judging
from edge_agent.inference.array_checks import Array
from edge_agent.inference.failures import NotInstalled, RuntimeFailed
from edge_agent.inference.session import Session
from edge_agent.installed import slots
from edge_agent.installed.manifest import GoldenTensor, Manifest, SelfTest
from edge_agent.update.failures import Failure, UpdateFailed
from edge_agent.update.self_test import Finding

WARM_UP_RUNS = 2
TIMED_RUNS = 20
TIMED_SECONDS = 10.0
EXIT_FAILED = 3

Arrays = dict[str, Array]


def main(arguments: list[str]) -> int:
    """Test the slot in the folder of the first argument, within the seconds of the second."""
    # The agent decides when the test ends, by a kill. Where the agent itself is gone, the alarm does.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.alarm(math.ceil(float(arguments[1])) + 1)
    finding = run(Path(arguments[0]))
    # A library may have left a line unfinished: the answer begins on a line of its own.
    sys.stdout.write("\n" + json.dumps(finding) + "\n")
    return EXIT_FAILED if "failure" in finding else 0


def run(slot: Path) -> Finding:
    """Test the slot in this folder; return providers and latency, or a class of failure and its message."""
    manifest, model = slots.open_slot(slot)
    try:
        return check(manifest, model)
    except UpdateFailed as failed:
        return {"failure": failed.failure, "message": str(failed)}


def check(manifest: Manifest, model: bytes) -> Finding:
    """Run the golden inputs through a model; return its providers and its latency.

    Raises:
        UpdateFailed: `manifest_invalid`, `incompatible`, `self_test_failed` or `latency_budget`.
    """
    golden = manifest.self_test
    inputs, wanted = _decode_golden(golden)
    session = _open_session(manifest, model)
    try:
        problem = judge(session.run(inputs), wanted, manifest=manifest, inputs=inputs)
        latency_ms = measure(session, take_one(inputs, shapes=manifest.input_shapes))
    except RuntimeFailed as error:
        raise UpdateFailed(Failure.SELF_TEST_FAILED, str(error)) from error
    if problem:
        raise UpdateFailed(Failure.SELF_TEST_FAILED, problem)
    if latency_ms > golden.latency_budget_ms:
        message = f"one inference takes {latency_ms:.2f} ms, the budget is {golden.latency_budget_ms:g} ms"
        raise UpdateFailed(Failure.LATENCY_BUDGET, message)
    return {
        "active_providers": session.active_providers,
        "wanted_providers": list(manifest.providers),
        "latency_p50_ms": round(latency_ms, 4),
    }


def decode(tensors: Mapping[str, GoldenTensor]) -> Arrays:
    """Return arrays by name from a manifest's tensors (base64 of little-endian bytes in C order)."""
    arrays: Arrays = {}
    for name, tensor in tensors.items():
        dtype = np.dtype(tensor["dtype"]).newbyteorder("<")
        flat = np.frombuffer(base64.b64decode(tensor["data"], validate=True), dtype=dtype)
        arrays[name] = flat.reshape(tensor["shape"]).astype(dtype.newbyteorder("="))
    return arrays


def judge(got: Mapping[str, Array], wanted: Mapping[str, Array], *, manifest: Manifest, inputs: Arrays) -> str:
    """Return the first difference between outputs, by the manifest's own judge; an empty text where there is none."""
    golden = manifest.self_test
    problem = None
    if golden.is_judged_by_task:
        image_size = task_judging.find_image_size([array.shape for array in inputs.values()])
        problem = find_no_number(got) or task_judging.compare(
            [got[name] for name in wanted if name in got],
            list(wanted.values()),
            task=manifest.task,
            image_size=image_size,
        )
    if problem is None:
        problem = compare(got, wanted, absolute=golden.absolute_tolerance, relative=golden.relative_tolerance)
    return problem


def find_no_number(outputs: Mapping[str, Array]) -> str | None:
    """Return a sentence that names an output with NaN or infinity; None where there is none."""
    for name, output in outputs.items():
        if np.issubdtype(output.dtype, np.floating) and not np.isfinite(output).all():
            return f"output {name} holds NaN or infinity"
    return None


def compare(got: Mapping[str, Array], wanted: Mapping[str, Array], *, absolute: float, relative: float) -> str:
    """Return the first difference between outputs as a sentence, or an empty text where there is none."""
    for name, want in wanted.items():
        if name not in got or got[name].shape != want.shape:
            return f"output {name} is missing or has another shape than {list(want.shape)}"
        have, expected = got[name].astype(np.float64), want.astype(np.float64)
        if not np.isfinite(have).all():
            return f"output {name} holds NaN or infinity"
        distance = np.abs(have - expected)
        over = distance > absolute + relative * np.abs(expected)
        if over.any():
            worst = float(distance.max())
            return f"output {name}: {int(over.sum())} of {over.size} elements are off, the worst by {worst:.4g}"
    return ""


def take_one(inputs: Arrays, *, shapes: Sequence[Sequence[object]]) -> Arrays:
    """Return the first golden sample where the first axis of every input has any size, else all of them.

    An application infers one sample at a time, so the latency of one sample is what the budget limits.
    """
    is_free = all(shape and not isinstance(shape[0], int) for shape in shapes)
    return {name: array[:1] for name, array in inputs.items()} if is_free else inputs


def measure(session: Session, inputs: Arrays) -> float:
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


def _decode_golden(golden: SelfTest) -> tuple[Arrays, Arrays]:
    try:
        return decode(golden.inputs), decode(golden.outputs)
    except (ValueError, KeyError, TypeError) as error:
        message = f"the self-test's tensors cannot be read: {error}"
        raise UpdateFailed(Failure.MANIFEST_INVALID, message) from error


def _open_session(manifest: Manifest, model: bytes) -> Session:
    try:
        return Session.of(manifest, model)
    except NotInstalled as error:
        raise UpdateFailed(Failure.INCOMPATIBLE, str(error)) from error
    except RuntimeFailed as error:
        raise UpdateFailed(Failure.SELF_TEST_FAILED, str(error)) from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
