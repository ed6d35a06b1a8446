"""The child process: runs one task and writes one answer. ``launcher`` has confined the process before it starts this module.

It imports only what its task needs; of other packages that is msgspec, so that any environment's Python can run it. The
answer is a result, or a refusal in our own words: exceptions of tools carry paths of the server, so they go to stderr,
which the parent logs.
"""

import errno
import importlib
import sys
import traceback
from pathlib import Path

import msgspec

from registry.compression.refusal import ModelRefused
from registry.compression.sandbox import progress
from registry.compression.sandbox.confinement import resources
from registry.compression.sandbox.protocol import (
    HOST_ERRORS,
    MEMORY_ERRORS,
    MEMORY_SIGNS,
    REQUEST,
    RESPONSE,
    Ending,
    Order,
    Outcome,
)


def main(job: Path, *, progress_descriptor: int) -> int:
    """Run the task described in the job folder; 0 when an answer was written."""
    order = msgspec.json.decode((job / REQUEST).read_bytes(), type=Order)
    progress.open_channel(progress_descriptor)
    _answer(job, _perform(order, job=job))
    return 0


def _perform(order: Order, *, job: Path) -> Outcome:
    try:
        # By name: a task imports its tools, which no other process of ours loads.
        task = importlib.import_module(order.module)
        resources.limit_cpu_in_all(order.limits.cpu_seconds)
        request = msgspec.json.decode(order.request, type=task.Request)
        result = task.run(request, job=job, limits=order.limits)
        return Outcome(ending=Ending.DONE, result=msgspec.Raw(msgspec.json.encode(result)))
    except ModelRefused as refusal:
        return Outcome(ending=Ending.REFUSED, detail=refusal.detail, reason=refusal.reason)
    except MemoryError:
        return Outcome(ending=Ending.OUT_OF_MEMORY)
    except Exception as error:  # noqa: BLE001 - the outermost loop of this process: every error becomes an answer
        traceback.print_exc()
        return _explain(error)


def _explain(error: Exception) -> Outcome:
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return Outcome(ending=Ending.FILE_SIZE)
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return Outcome(ending=Ending.OUT_OF_MEMORY)
    if isinstance(error, OSError) and error.errno in HOST_ERRORS:
        return Outcome(ending=Ending.UNAVAILABLE, detail=f"The host is in trouble: {error.strerror}.")
    if type(error).__name__ in MEMORY_ERRORS or any(sign in str(error) for sign in MEMORY_SIGNS):
        return Outcome(ending=Ending.OUT_OF_MEMORY)
    if isinstance(error, ImportError):
        # The installation is broken; nothing is known about the model.
        return Outcome(ending=Ending.UNAVAILABLE, detail="A tool of the sandbox cannot be imported.")
    return Outcome(ending=Ending.FAILED, detail=f"Internal error: {type(error).__name__}.")


def _answer(job: Path, outcome: Outcome) -> None:
    part = job / f"{RESPONSE}.part"
    part.write_bytes(msgspec.json.encode(outcome))
    part.rename(job / RESPONSE)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), progress_descriptor=int(sys.argv[2])))
