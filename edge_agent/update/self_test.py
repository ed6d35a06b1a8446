"""Running a slot's golden self-test in a child process: a model that kills ONNX Runtime kills only the child."""

import dataclasses
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_agent.update.failures import Failure, Interrupted, UpdateFailed

POLL_SECONDS = 0.02
MAX_STDERR_CHARACTERS = 500
RUNTIME = ("numpy", "onnxruntime")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Passed:
    """What a passed self-test found."""

    active_providers: list[str]
    wanted_providers: list[str]
    latency_p50_ms: float

    @property
    def detail(self) -> dict[str, Any]:
        """What the report says of it; a fall-back to another provider than the first wanted one is never silent."""
        detail = dataclasses.asdict(self)
        if self.wanted_providers[:1] != self.active_providers[:1]:
            detail["provider_fallback"] = True
        return detail


def run(slot: Path, *, timeout_seconds: float, is_stopping: Callable[[], bool]) -> Passed:
    """Run a slot's self-test.

    Raises:
        UpdateFailed: `self_test_failed`, `latency_budget`, `incompatible` (as when there is nothing to run models with),
            or `crash` when the child died.
        Interrupted: the agent is stopping; nothing is said about the model.
    """
    _check_runtime()
    command = [sys.executable, "-m", "edge_agent.update.self_test_child", str(slot), str(timeout_seconds)]
    # A session of its own: a Ctrl-C meant for the agent must not look like a crash of the model.
    child = subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        _wait(child, timeout_seconds=timeout_seconds, is_stopping=is_stopping)
    finally:
        if child.poll() is None:
            child.kill()
        output, noise = child.communicate()
    return _read(child.returncode, output=output, noise=noise.decode(errors="replace"))


def _check_runtime() -> None:
    # Known beforehand, it is said in words: the child would die of it with a traceback.
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


def _read(returncode: int, *, output: bytes, noise: str) -> Passed:
    try:
        answer = json.loads(output.splitlines()[-1])
    except (ValueError, IndexError) as error:
        message = f"the self-test process ended with {returncode}: {noise[-MAX_STDERR_CHARACTERS:].strip()}"
        raise UpdateFailed(Failure.CRASH, message) from error
    if returncode != 0 or "failure" in answer:
        raise UpdateFailed(Failure(answer.get("failure", Failure.CRASH)), str(answer.get("message", "")))
    return Passed(**answer)
