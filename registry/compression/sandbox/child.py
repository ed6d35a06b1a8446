"""The child process: confines itself, runs one task, writes one answer.

Started by ``parent`` as ``python -m registry.compression.sandbox.child JOB_FOLDER``. It imports only what its task needs. The
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
from registry.compression.sandbox import landlock, seccomp
from registry.compression.sandbox.confinement import CannotConfine, ParentIsGone, confine
from registry.compression.sandbox.protocol import (
    HOST_ERRORS,
    MEMORY_SIGNS,
    PROJECT_ROOT,
    REQUEST,
    RESPONSE,
    Ending,
    Order,
    Outcome,
)


def main(job: Path) -> int:
    """Run the task described in the job folder; 0 when an answer was written."""
    order = msgspec.json.decode((job / REQUEST).read_bytes(), type=Order)
    try:
        confine(order.limits, parent_pid=order.parent_pid)
        seccomp.restrict()
        outcome = _perform(order, job=job)
    except ParentIsGone:
        return 1
    except CannotConfine:
        traceback.print_exc()
        outcome = Outcome(ending=Ending.UNAVAILABLE, detail="The sandbox could not be shut on this host.")
    _answer(job, outcome)
    return 0


def _perform(order: Order, *, job: Path) -> Outcome:
    try:
        # By name: a task imports its tools, which no other process of ours loads.
        task = importlib.import_module(order.module)
        _keep_only_needed_files(order.reads, job=job)
        request = msgspec.json.decode(order.request, type=task.Request)
        result = task.run(request, job=job, limits=order.limits)
        return Outcome(ending=Ending.DONE, result=msgspec.Raw(msgspec.json.encode(result)))
    except CannotConfine:
        raise
    except ModelRefused as refusal:
        return Outcome(ending=Ending.REFUSED, detail=refusal.detail, reason=refusal.reason)
    except MemoryError:
        return Outcome(ending=Ending.OUT_OF_MEMORY)
    except Exception as error:  # noqa: BLE001 - the outermost loop of this process: every error becomes an answer
        traceback.print_exc()
        return _explain(error)


def _keep_only_needed_files(reads: list[str], *, job: Path) -> None:
    """Leave only the installed packages, our own code, the files of this task, and the files by which a runtime asks the kernel.

    This comes after the import of the task, since a platform may keep shared libraries anywhere.
    """
    packages = [
        Path(entry)
        for entry in (*sys.path, sys.prefix, sys.base_prefix)
        if entry and Path(entry).resolve() != PROJECT_ROOT
    ]
    own = [PROJECT_ROOT / "registry", PROJECT_ROOT / "core"]
    system = [Path(name) for name in ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/proc", "/sys")]
    # Nothing else of /dev: PostgreSQL keeps rows of parallel queries in /dev/shm.
    devices = [Path("/dev") / name for name in ("null", "zero", "random", "urandom")]
    landlock.restrict(
        readable=[*packages, *own, *system, *devices, *(Path(name) for name in reads)],
        # Where the mark of the highest memory use is reset.
        writable=[Path("/proc/self"), Path("/dev/null")],
        changeable=[job],
    )


def _explain(error: Exception) -> Outcome:
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return Outcome(ending=Ending.FILE_SIZE)
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return Outcome(ending=Ending.OUT_OF_MEMORY)
    if isinstance(error, OSError) and error.errno in HOST_ERRORS:
        return Outcome(ending=Ending.UNAVAILABLE, detail=f"The host is in trouble: {error.strerror}.")
    if any(sign in str(error) for sign in MEMORY_SIGNS):
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
    sys.exit(main(Path(sys.argv[1])))
