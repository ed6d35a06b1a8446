"""The child process: confines itself, runs one task, writes one answer.

Started by ``sandbox`` as ``python -m registry.compression.sandbox.child JOB_FOLDER``. It imports only what its task needs. An
answer is ``{"outcome": "done", "result": …}`` or a refusal in our own words: exceptions of tools, which carry server
paths, go to stderr, where the parent logs them.
"""

import errno
import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any

from registry.compression.refusal import ModelRefused
from registry.compression.sandbox import landlock
from registry.compression.sandbox.confinement import CannotConfine, ParentIsGone, confine
from registry.compression.sandbox.parent import HOST_ERRORS, MEMORY_SIGNS, REQUEST, RESPONSE

_PROJECT = Path(__file__).resolve().parents[3]
# Each is a module with ``run(request, *, job, limits) -> result``.
TASKS = {
    "inspect": "registry.compression.tasks.inspect_upload",
    "build": "registry.compression.tasks.build_variant",
}


def main(job: Path) -> int:
    """Run the task described in the job folder; 0 when an answer was written."""
    order = json.loads((job / REQUEST).read_bytes())
    try:
        confine(order["limits"], parent_pid=order["parent_pid"])
        outcome = _perform(order, job=job)
    except ParentIsGone:
        return 1
    except CannotConfine:
        traceback.print_exc()
        outcome = {"outcome": "unavailable", "detail": "The sandbox could not be shut on this host."}
    _answer(job, {"task": order["task"], **outcome})
    return 0


def _perform(order: dict[str, Any], *, job: Path) -> dict[str, Any]:
    try:
        task = importlib.import_module(TASKS[order["task"]])
        _keep_only_needed_files(order["reads"], job=job)
        return {"outcome": "done", "result": task.run(order["request"], job=job, limits=order["limits"])}
    except CannotConfine:
        raise
    except ModelRefused as refusal:
        return {"outcome": "refused", "detail": refusal.detail, "reason": refusal.reason}
    except MemoryError:
        return {"outcome": "out_of_memory"}
    except Exception as error:  # noqa: BLE001 - the outermost loop of this process: whatever it is becomes an answer
        traceback.print_exc()
        return _explain(error)


def _keep_only_needed_files(reads: list[str], *, job: Path) -> None:
    """Leave the installed packages, our own code, the files of this task and what a runtime asks the kernel for.

    After the import of the task, so that shared libraries are loaded wherever the platform keeps them.
    """
    packages = [
        Path(entry) for entry in (*sys.path, sys.prefix, sys.base_prefix) if entry and Path(entry).resolve() != _PROJECT
    ]
    own = [_PROJECT / "registry", _PROJECT / "core"]
    system = [Path(name) for name in ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/proc", "/sys", "/dev")]
    landlock.restrict(
        readable=[*packages, *own, *system, *(Path(name) for name in reads)],
        # Where the mark of the highest memory use is reset.
        writable=[Path("/proc/self"), Path("/dev/null")],
        changeable=[job],
    )


def _explain(error: Exception) -> dict[str, Any]:
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return {"outcome": "file_size"}
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return {"outcome": "out_of_memory"}
    if isinstance(error, OSError) and error.errno in HOST_ERRORS:
        return {"outcome": "unavailable", "detail": f"The host is in trouble: {error.strerror}."}
    if any(sign in str(error) for sign in MEMORY_SIGNS):
        return {"outcome": "out_of_memory"}
    if isinstance(error, ImportError):
        # The installation is broken, not the model.
        return {"outcome": "unavailable", "detail": "A tool of the sandbox cannot be imported."}
    return {"outcome": "failed", "detail": f"Internal error: {type(error).__name__}."}


def _answer(job: Path, body: dict[str, Any]) -> None:
    part = job / f"{RESPONSE}.part"
    part.write_text(json.dumps(body, allow_nan=False), encoding="utf-8")
    part.rename(job / RESPONSE)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
