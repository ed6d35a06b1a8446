"""Send every hostile model through the intake: `python -m bench.hostile_models`.

Prints how each one ended, and beside their bars: crashes of the worker, files that were accepted or not named, and the most
processor seconds that one file burned.
"""

import resource
import tempfile
from pathlib import Path

from registry.compression.inspections import inspect_model
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox.limits import Limits
from registry.compression.sandbox.parent import SandboxKilled
from tests.services.compression import hostile_models

BAR_SECONDS = 5.0


def main() -> None:
    """Print one line per file, and the three figures."""
    limits = Limits(memory_bytes=4 << 30, cpu_seconds=600, wall_seconds=120.0)
    rows = [try_one(name, limits=limits) for name in hostile_models.HOSTILE]
    for name, ending, seconds in rows:
        print(f"{name:<42} {ending:<24} {seconds:.1f} s")
    crashes = sum(ending == "worker_error" for _, ending, _ in rows)
    accepted = sum(ending == "accepted" for _, ending, _ in rows)
    print(f"{len(rows)} files (bar: at least 40)")
    print(f"worker crashes {crashes} (bar 0)")
    print(f"accepted {accepted} (bar 0)")
    print(f"most processor seconds {max(row[2] for row in rows):.1f} (bar {BAR_SECONDS:g})")


def try_one(name: str, *, limits: Limits) -> tuple[str, str, float]:
    """Return (name, how it ended, processor seconds of the child)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload.onnx"
        hostile_models.write(name, path)
        before = burned()
        try:
            inspect_model(path, scratch=Path(folder), limits=limits)
            ending = "accepted"
        except (ModelRefused, SandboxKilled) as refusal:
            ending = refusal.reason
        except Exception:  # noqa: BLE001 - any other error would have ended the worker
            ending = "worker_error"
        return name, ending, burned() - before


def burned() -> float:
    """Return the processor seconds of all children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
