"""Inspect an upload in the sandbox.

    inspection, cleaned = inspect_model(path, scratch=folder, limits=limits, calibration=samples, evaluation=others)

``scratch`` belongs to the caller, who removes the folder when the files were stored. ``ModelRefused`` and
``SandboxKilled`` are final for these bytes; after ``SandboxUnavailable`` the caller tries again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from registry.compression.child_tasks.messages import INSPECT, Inspection, InspectRequest
from registry.compression.model_task import ModelTask
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox import parent as sandbox
from registry.compression.sandbox.limits import Limits, limits_for, limits_for_intake
from registry.compression.sandbox.parent import TaskFailed

_CLEANED = "cleaned.onnx"


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What the owner says of a model: shapes and task of the metadata, and the histogram of confidences in the baseline."""

    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    task: ModelTask | None = None
    baseline: Sequence[int] | None = None


def inspect_model(
    source: Path,
    *,
    scratch: Path,
    limits: Limits,
    calibration: Path | None = None,
    evaluation: Path | None = None,
    declared: Declared | None = None,
    on_progress: Callable[[str, float | None], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> tuple[Inspection, Path]:
    """Pass a model and its files of samples through the intake; return what was found, and the cleaned model.

    Raises:
        ModelRefused: A rule refused the model or a file of samples.
        SandboxKilled: Reading or running the model crossed a limit or crashed.
        SandboxUnavailable: The host is in trouble.
        TaskCancelled: ``is_cancelled`` said so.
    """
    known = declared or Declared()
    files = [path.resolve() for path in (source, calibration, evaluation) if path]
    request = InspectRequest(
        source=str(source.resolve()),
        calibration=str(calibration.resolve()) if calibration else None,
        evaluation=str(evaluation.resolve()) if evaluation else None,
        shapes={name: list(shape) for name, shape in known.shapes.items()},
        task=known.task,
        baseline=list(known.baseline) if known.baseline else None,
    )
    # Samples take as long as they take; they have limits of their own.
    choose = limits_for_intake if len(files) == 1 else limits_for
    limits = choose(source.stat().st_size, limits=limits)
    try:
        inspection, job = sandbox.run(
            INSPECT,
            request,
            reads=files,
            scratch=scratch,
            limits=limits,
            on_progress=on_progress,
            is_cancelled=is_cancelled,
        )
        return inspection, sandbox.take_file(job, _CLEANED, destination=scratch / f"{job.name}.{_CLEANED}")
    except TaskFailed as error:
        message = f"The model could not be inspected. {error.detail}"
        raise ModelRefused(message, reason="inspection_failed") from error
