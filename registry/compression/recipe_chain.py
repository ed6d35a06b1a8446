"""The way in: inspect an upload, and walk a target's recipe chain. Everything that reads a model runs in a child.

    inspection = inspect_model(path, scratch=folder, calibration=samples)
    attempts = build_attempts(path, get_target("raspberry-pi-5"), inspection=inspection, calibration=samples, scratch=folder)

``scratch`` belongs to the caller, who removes it when the files were stored. Errors: ``ModelRefused`` and
``SandboxKilled`` are final for these bytes, ``SandboxUnavailable`` is to be retried.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from registry.compression.evaluation import gates
from registry.compression.recipes import NOT_BUILT_YET, RECIPES, compute_digest
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox import parent as sandbox
from registry.compression.sandbox.limits import DEFAULT_LIMITS, Limits
from registry.compression.sandbox.parent import SandboxKilled, SandboxUnavailable, TaskFailed
from registry.compression.targets import ChainStep, HardwareTarget

__all__ = [
    "DEFAULT_LIMITS", "Attempt", "Inspection", "Limits", "ModelRefused", "SandboxKilled", "SandboxUnavailable",
    "build_attempts", "inspect_model",
]  # fmt: skip

_CLEANED = "cleaned.onnx"
_FILENAME = "model.onnx"
Status = Literal["ready", "failed", "rejected", "not_applicable"]


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What the door found; ``cleaned`` is the model without metadata, in the scratch folder of the inspection."""

    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    opset: int
    ir_version: int
    operators: dict[str, int]
    parameter_count: int
    size: int
    free_extents: dict[str, int]
    calibration: dict[str, Any] | None
    cleaned: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Return everything but the path, to be kept as data."""
        return {key: value for key, value in vars(self).items() if key != "cleaned"}

    @classmethod
    def from_json(cls, body: Mapping[str, Any], *, cleaned: Path | None = None) -> Self:
        """Read what ``to_json`` wrote."""
        return cls(**body, cleaned=cleaned)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One recipe tried for one target; READY ones have everything, the others a reason."""

    recipe: str
    status: Status
    recipe_digest: str
    reason: str = ""
    artifact: Path | None = None
    filename: str = ""
    format: str = ""
    measurements: dict[str, Any] = field(default_factory=dict)
    measured_on: str = ""
    self_test: dict[str, Any] | None = None
    runtime: dict[str, Any] = field(default_factory=dict)


def inspect_model(
    source: Path, *, scratch: Path, calibration: Path | None = None, limits: Limits = DEFAULT_LIMITS
) -> Inspection:
    """Pass an upload, and the calibration file given with it, through the door.

    Raises:
        ModelRefused: A rule refused the model or the calibration file.
        SandboxKilled: Reading or running it crossed a limit or crashed.
        SandboxUnavailable: The host is in trouble.
    """
    request = {"source": str(source.resolve()), "calibration": calibration and str(calibration.resolve())}
    try:
        found, job = sandbox.run("inspect", request, reads=_files_of(request), scratch=scratch, limits=limits)
        return Inspection.from_json(found, cleaned=sandbox.take_file(job, _CLEANED))
    except TaskFailed as error:
        message = f"The model could not be inspected. {error.detail}"
        raise ModelRefused(message, reason="inspection_failed") from error


def build_attempts(
    source: Path,
    target: HardwareTarget,
    *,
    inspection: Inspection,
    calibration: Path | None,
    scratch: Path,
    limits: Limits = DEFAULT_LIMITS,
) -> list[Attempt]:
    """Try the target's recipes in order of preference; the first READY one ends it, and every attempt is listed.

    Raises:
        SandboxUnavailable: The host is in trouble; nothing of this target is kept.
    """
    request = {
        "source": str(source.resolve()),
        "calibration": calibration and str(calibration.resolve()),
        "inputs": inspection.inputs,
        "free_extents": inspection.free_extents,
    }
    attempts: list[Attempt] = []
    for step in target.chain:
        attempts.append(
            _attempt(step, target, request=request, source_size=inspection.size, scratch=scratch, limits=limits)
        )
        if attempts[-1].status == "ready":
            break
    return attempts


def _attempt(
    step: ChainStep,
    target: HardwareTarget,
    *,
    request: Mapping[str, Any],
    source_size: int,
    scratch: Path,
    limits: Limits,
) -> Attempt:
    digest = compute_digest(step.recipe, step.parameters)
    if step.recipe in NOT_BUILT_YET:
        reason = f'The recipe "{step.recipe}" is not built in this release.'
        return Attempt(recipe=step.recipe, status="not_applicable", recipe_digest=digest, reason=reason)
    order = {**request, "recipe": step.recipe, "parameters": dict(step.parameters)}
    try:
        built, job = sandbox.run("build", order, reads=_files_of(request), scratch=scratch, limits=limits)
        if built["status"] == "not_applicable":
            return Attempt(
                recipe=step.recipe, status="not_applicable", recipe_digest=digest, reason=_sentence(built["reason"])
            )
        return _judge(
            built, artifact=sandbox.take_file(job, _FILENAME), step=step, target=target, source_size=source_size
        )
    except (ModelRefused, SandboxKilled, TaskFailed) as error:
        return Attempt(recipe=step.recipe, status="failed", recipe_digest=digest, reason=error.detail)


def _judge(
    built: Mapping[str, Any], *, artifact: Path, step: ChainStep, target: HardwareTarget, source_size: int
) -> Attempt:
    is_same_architecture = target.architecture in ("any", platform.machine())
    measurements = {
        **built["measurements"],
        "source_size": source_size,
        "size_ratio": round(source_size / artifact.stat().st_size, 3),
        "is_target_architecture": is_same_architecture,
    }
    budget = gates.Budget(
        gate=RECIPES[step.recipe].gate,
        max_size_bytes=target.max_size_bytes,
        latency_budget_ms=target.latency_budget_ms,
        is_same_architecture=is_same_architecture,
    )
    missed = gates.judge(measurements, domains=built["domains"], budget=budget)
    return Attempt(
        recipe=step.recipe,
        status="rejected" if missed else "ready",
        recipe_digest=compute_digest(step.recipe, step.parameters),
        reason=" ".join(missed),
        artifact=artifact,
        filename=_FILENAME,
        format="onnx",
        measurements=measurements,
        measured_on=built["measured_on"],
        self_test={**built["self_test"], "latency_budget_ms": target.latency_budget_ms},
        runtime={"engine": target.runtime, "providers": list(target.providers), "options": dict(target.options)},
    )


def _files_of(request: Mapping[str, Any]) -> list[Path]:
    return [Path(request[key]) for key in ("source", "calibration") if request[key]]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
