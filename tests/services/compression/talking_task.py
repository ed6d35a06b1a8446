"""Tasks that talk to their parent: about their steps, to their log, and in floods."""

import importlib.util
import os
import sys
import time
from pathlib import Path

import msgspec

from registry.compression.sandbox import progress
from registry.compression.sandbox.confinement import resources
from registry.compression.sandbox.limits import Limits
from registry.compression.sandbox.protocol import Task

TESTS = Path(__file__).parents[2]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to do: the name of a function below, with spaces."""

    act: str


def run(request: Request, *, job: Path, limits: Limits) -> dict[str, object]:
    """Do what was asked for."""
    acts = (steps, flood, wait, describe, log, fail, copy, compute, many_slow_steps)
    return {act.__name__.replace("_", " "): act for act in acts}[request.act](job)


TASK = Task(name="talking", module=__name__, answer=dict)


def steps(job: Path) -> dict[str, object]:
    progress.report("checking")
    progress.report("calibrating", 0.34)
    progress.report("calibrating", 7.0)
    progress.report("a\x1b[31m<b>\n" + "x" * 500, float("nan"))
    return {}


def flood(job: Path) -> dict[str, object]:
    """Write to the pipe without our function, as fast as it goes, until the parent has surely seen some of it."""
    ends_at = time.monotonic() + 1.5
    written = 0
    while time.monotonic() < ends_at:
        for line in (
            b"x" * 65536,
            b'{"step":"' + b"y" * 300 + b'"}\n',
            b"[]\n{}\n\xff\n",
            b'{"step":3}\n',
            b"[" * 4096,
        ):
            try:
                written += os.write(int(sys.argv[2]), line)
            except BlockingIOError:
                time.sleep(0.001)
    return {"written": written}


def wait(job: Path) -> dict[str, object]:
    (job / "running").touch()
    progress.report("waiting")
    time.sleep(60)
    return {}


def describe(job: Path) -> dict[str, object]:
    return {
        "prefix": sys.prefix,
        "has_tools": any(importlib.util.find_spec(name) for name in ("onnx", "numpy", "django")),
        "modules": sorted(name for name in sys.modules if name.partition(".")[0] in ("registry", "core", "config")),
    }


def log(job: Path) -> dict[str, object]:
    sys.stderr.write("early\n" + "noise\n" * 10_000)
    sys.stderr.write(f"\x1b[31mcannot read {__file__} at /model/layer.1/Conv in {job}/tmp/x\x1b[m\n" + "z" * 2000)
    return {}


def fail(job: Path) -> dict[str, object]:
    raise ZeroDivisionError("for the log")


def copy(job: Path) -> dict[str, object]:
    """Let protobuf copy more than there is memory for."""
    import onnx

    model = onnx.ModelProto(ir_version=9)
    model.graph.initializer.add(raw_data=bytes(300 << 20))
    model.SerializeToString()
    return {}


def compute(job: Path) -> dict[str, object]:
    while True:
        pass


def many_slow_steps(job: Path) -> dict[str, object]:
    for _ in range(20):
        resources.limit_cpu_from_now(3)
        ends_at = time.process_time() + 2
        while time.process_time() < ends_at:
            pass
    return {}
