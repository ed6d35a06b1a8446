"""The key under which the result of a recipe is kept: equal keys, equal results.

A key covers everything that decides the result: the bytes of all files, the recipe's digest, the rest of the request, and the
machine, since the measurements are a part of the result.
"""

import functools
import hashlib
import json
import os
import platform
from importlib import metadata
from pathlib import Path

import msgspec

from registry.compression.child_tasks.messages import BuildRequest

# Raised when the code that measures changes, so that no older result is taken from a cache.
_REVISION = 1


def compute(request: BuildRequest, *, recipe_digest: str) -> str:
    """Return the key of a build; it reads the files of the request."""
    body = {name: _identity(value) for name, value in msgspec.to_builtins(request).items()}
    body |= {"recipe_digest": recipe_digest, "machine": _describe_machine(), "revision": _REVISION}
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _identity(value: object) -> object:
    """Return a file's digest in place of its path, which differs from build to build."""
    if isinstance(value, str) and value.startswith("/"):
        with Path(value).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return value


@functools.cache
def _describe_machine() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    processor = next((line for line in lines if line.startswith(("model name", "Model"))), platform.processor())
    return [platform.machine(), processor, str(os.cpu_count()), metadata.version("onnxruntime")]
