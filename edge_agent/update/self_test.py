"""Running a slot's self-test in a child process: a model that crashes ONNX Runtime crashes only the child.

Parent and child exchange one JSON object, `Finding`, on the child's last line of output.
"""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from edge_agent.server.bodies import SelfTestDetail
from edge_agent.update.failures import Failure, Interrupted, UpdateFailed

CHILD = "edge_agent.update.self_test_child"
POLL_SECONDS = 0.02
MAX_STDERR_CHARACTERS = 500
RUNTIME = ("numpy", "onnxruntime")


class Finding(TypedDict, total=False):
    """The child's answer: the first two fields of a failure, or the other three of a pass."""

    failure: Failure
    message: str
    active_providers: list[str]
    wanted_providers: list[str]
    latency_p50_ms: float


def run(slot: Path, *, timeout_seconds: float, is_stopping: Callable[[], bool]) -> SelfTestDetail:
    """Run the self-test of the slot in this folder and return its findings, for the report.

    Raises:
        UpdateFailed: `self_test_failed`, `latency_budget`, `incompatible` (ONNX Runtime or every wanted provider is
            missing), or `crash` when the child died.
        Interrupted: the agent is stopping; this says nothing about the model.
    """
    _check_runtime()
    command = [sys.executable, "-m", CHILD, str(slot), str(timeout_seconds)]
    # A session of its own: a Ctrl-C meant for the agent must not look like a crash of the model.
    child = subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        _wait(child, timeout_seconds=timeout_seconds, is_stopping=is_stopping)
    finally:
        if child.poll() is None:
            child.kill()
        output, errors = child.communicate()
    return _read(child.returncode, output=output, errors=errors.decode(errors="replace"))


def _check_runtime() -> None:
    """Refuse in words a machine that cannot run models: the child would die there with a traceback."""
    missing = [name for name in RUNTIME if importlib.util.find_spec(name) is None]
    if missing:
        words = f"{' and '.join(missing)} not installed, so no model can run here: install the agent with its extra"
        raise UpdateFailed(Failure.INCOMPATIBLE, f"{words}, as in pip install './edge_agent[runtime]'")


def _wait(child: subprocess.Popen[bytes], *, timeout_seconds: float, is_stopping: Callable[[], bool]) -> None:
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            child.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        else:
            return
        if is_stopping():
            message = "stopped during the self-test"
            raise Interrupted(message)
        if time.monotonic() > deadline:
            raise UpdateFailed(Failure.SELF_TEST_FAILED, f"the self-test took more than {timeout_seconds:g} s")


def _read(returncode: int, *, output: bytes, errors: str) -> SelfTestDetail:
    try:
        finding: Finding = json.loads(output.splitlines()[-1])
    except (ValueError, IndexError) as error:
        message = f"the self-test process ended with {returncode}: {errors[-MAX_STDERR_CHARACTERS:].strip()}"
        raise UpdateFailed(Failure.CRASH, message) from error
    if returncode != 0 or "failure" in finding:
        raise UpdateFailed(Failure(finding.get("failure", Failure.CRASH)), finding.get("message", ""))
    return _describe(finding)


def _describe(finding: Finding) -> SelfTestDetail:
    """Return the report of a pass; it says where another provider than the first wanted one took the model."""
    active, wanted = finding["active_providers"], finding["wanted_providers"]
    detail: SelfTestDetail = {
        "active_providers": active,
        "wanted_providers": wanted,
        "latency_p50_ms": finding["latency_p50_ms"],
    }
    if wanted[:1] != active[:1]:
        detail["provider_fallback"] = True
    return detail
