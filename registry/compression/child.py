"""The child process: confines itself, runs one task, writes one answer.

Started by ``sandbox`` as ``python -m registry.compression.child JOB_FOLDER``. It imports only what its task needs. An
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

from registry.compression.confinement import ParentIsGone, confine
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox import HOST_ERRORS, MEMORY_SIGNS, REQUEST, RESPONSE

# Each is a module with ``run(request, *, job, limits) -> result``.
TASKS = {
    "inspect": "registry.compression.door.inspection",
    "build": "registry.compression.building",
}


def main(job: Path) -> int:
    """Run the task described in the job folder; 0 when an answer was written."""
    order = json.loads((job / REQUEST).read_bytes())
    try:
        confine(order["limits"], parent_pid=order["parent_pid"])
    except ParentIsGone:
        return 1
    _answer(job, {"task": order["task"], **_perform(order, job=job)})
    return 0


def _perform(order: dict[str, Any], *, job: Path) -> dict[str, Any]:
    try:
        task = importlib.import_module(TASKS[order["task"]])
        return {"outcome": "done", "result": task.run(order["request"], job=job, limits=order["limits"])}
    except ModelRefused as refusal:
        return {"outcome": "refused", "detail": refusal.detail, "reason": refusal.reason}
    except MemoryError:
        return {"outcome": "out_of_memory"}
    except Exception as error:  # noqa: BLE001 - the outermost loop of this process: whatever it is becomes an answer
        traceback.print_exc()
        return _explain(error)


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
