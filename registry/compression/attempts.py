"""Try the recipes of a target on an inspected model, each in a child process of its own.

    attempts = build_attempts(cleaned, get_target("raspberry-pi-5"), inspection=inspection, calibration=None, …)

``scratch`` belongs to the caller, who removes the folder when the files were stored.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from registry.compression.child_tasks.messages import BUILD, BuildRequest, Built, Inspection
from registry.compression.evaluation import gates
from registry.compression.evaluation.results import Measurements, SelfTest
from registry.compression.recipes import NOT_BUILT_YET, RECIPES, Parameter, compute_digest
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox import parent as sandbox
from registry.compression.sandbox.limits import Limits
from registry.compression.sandbox.parent import SandboxKilled, TaskFailed
from registry.compression.targets import ChainStep, HardwareTarget
from registry.states import VariantStatus

_FILENAME = "model.onnx"


class RuntimeChoice(TypedDict):
    """The runtime of a device for the file; providers are in order of preference."""

    engine: str
    providers: list[str]
    options: Mapping[str, Parameter]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One recipe tried for one target; READY ones have everything, the others a reason."""

    recipe: str
    status: VariantStatus
    recipe_digest: str
    reason: str = ""
    artifact: Path | None = None
    filename: str = ""
    format: str = ""
    measurements: Measurements | None = None
    measured_on: str = ""
    self_test: SelfTest | None = None
    runtime: RuntimeChoice | None = None


@dataclass(frozen=True, kw_only=True)
class _Work:
    """The common part of all attempts for a target."""

    source: Path
    calibration: Path | None
    inspection: Inspection
    target: HardwareTarget
    scratch: Path
    limits: Limits

    @property
    def files(self) -> list[Path]:
        """The files that a child may read."""
        return [path.resolve() for path in (self.source, self.calibration) if path]

    def request(self, step: ChainStep) -> BuildRequest:
        """Return the request to the child for one recipe."""
        return BuildRequest(
            source=str(self.source.resolve()),
            calibration=str(self.calibration.resolve()) if self.calibration else None,
            inputs=self.inspection.inputs,
            free_extents=self.inspection.free_extents,
            recipe=step.recipe,
            parameters=dict(step.parameters),
        )


def build_attempts(
    source: Path,
    target: HardwareTarget,
    *,
    inspection: Inspection,
    calibration: Path | None,
    scratch: Path,
    limits: Limits,
) -> list[Attempt]:
    """Try the target's recipes in order of preference; the first READY one ends it, and every attempt is listed.

    Raises:
        SandboxUnavailable: The host is in trouble; nothing of this target is kept.
    """
    work = _Work(
        source=source, calibration=calibration, inspection=inspection, target=target, scratch=scratch, limits=limits
    )
    attempts: list[Attempt] = []
    for step in target.chain:
        attempts.append(_attempt(step, work))
        if attempts[-1].status == VariantStatus.READY:
            break
    return attempts


def without_file(step: ChainStep, status: VariantStatus, reason: str) -> Attempt:
    """Return an attempt that ended before there was a file."""
    return Attempt(recipe=step.recipe, status=status, recipe_digest=_digest(step), reason=reason)


def _attempt(step: ChainStep, work: _Work) -> Attempt:
    if step.recipe in NOT_BUILT_YET:
        reason = f'The recipe "{step.recipe}" is not built in this release.'
        return without_file(step, VariantStatus.NOT_APPLICABLE, reason)
    try:
        answer, job = sandbox.run(BUILD, work.request(step), reads=work.files, scratch=work.scratch, limits=work.limits)
        if answer.built is None:
            return without_file(step, VariantStatus.NOT_APPLICABLE, _sentence(answer.not_applicable))
        artifact = sandbox.take_file(job, _FILENAME, destination=work.scratch / f"{job.name}.{_FILENAME}")
        return _judge(answer.built, step, work, artifact=artifact)
    except (ModelRefused, SandboxKilled, TaskFailed) as error:
        return without_file(step, VariantStatus.FAILED, error.detail)


def _judge(built: Built, step: ChainStep, work: _Work, *, artifact: Path) -> Attempt:
    target, source_size = work.target, work.inspection.size
    measurements: Measurements = {
        **built.measured,
        "source_size": source_size,
        "size_ratio": round(source_size / artifact.stat().st_size, 3),
        "is_target_architecture": target.architecture in ("any", platform.machine()),
    }
    budget = gates.Budget(
        gate=RECIPES[step.recipe].gate,
        max_size_bytes=target.max_size_bytes,
        latency_budget_ms=target.latency_budget_ms,
        is_same_architecture=measurements["is_target_architecture"],
    )
    missed = gates.judge(measurements, domains=built.domains, budget=budget)
    return Attempt(
        recipe=step.recipe,
        status=VariantStatus.REJECTED if missed else VariantStatus.READY,
        recipe_digest=_digest(step),
        reason=" ".join(missed),
        artifact=artifact,
        filename=_FILENAME,
        format="onnx",
        measurements=measurements,
        measured_on=built.measured_on,
        self_test={**built.golden, "latency_budget_ms": target.latency_budget_ms},
        runtime={"engine": target.runtime, "providers": list(target.providers), "options": target.options},
    )


def _digest(step: ChainStep) -> str:
    return compute_digest(step.recipe, step.parameters)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
