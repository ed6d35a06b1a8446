"""Try the recipes of a target on an inspected model, each in a child process of its own.

    attempts = build_attempts(cleaned, get_target("raspberry-pi-5"), inspection=inspection, calibration=None, …)

``scratch`` belongs to the caller, who removes the folder when the files were stored.

For each recipe: 1. ask the history whether it may still take time; 2. take the result from the cache, or build in a child;
3. judge the result by the limits of this target.
"""

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypedDict

from registry.compression import build_keys, chains
from registry.compression.budget import DEFAULT_PRESET, Budget, VariantLimits
from registry.compression.calibration.guard import CalibrationCheck
from registry.compression.child_tasks.messages import BUILD, BuildAnswer, BuildRequest, Built, Inspection
from registry.compression.evaluation import gates
from registry.compression.evaluation.gates.file import Conditions
from registry.compression.evaluation.results import Measurements, SelfTest, SelfTestJudge
from registry.compression.model_task import ModelTask
from registry.compression.recipes import NOT_BUILT_YET, RECIPES, Parameter, compute_digest
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox import parent as sandbox
from registry.compression.sandbox.limits import Limits, limits_for
from registry.compression.sandbox.parent import SandboxKilled, TaskFailed
from registry.compression.targets import ChainStep, HardwareTarget, fits
from registry.states import VariantStatus

_FILENAME = "model.onnx"
_LIMITS_OF_TIME = frozenset({"cpu_time", "wall_time"})


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
    # How a device compares its outputs with those of the self-test.
    self_test_judge: SelfTestJudge = "elementwise"
    # Sentences for people: what the numbers do not show.
    warnings: tuple[str, ...] = ()
    runtime: RuntimeChoice | None = None


class BuildCache(Protocol):
    """Results of earlier builds, by the keys of ``build_keys``."""

    def get(self, key: str, *, folder: Path) -> tuple[BuildAnswer, Path | None] | None:
        """Return what a recipe made, with a copy of its file in the folder; None if the cache does not have it."""
        ...

    def put(self, key: str, answer: BuildAnswer, artifact: Path | None) -> None:
        """Keep what a recipe made."""
        ...


class History(Protocol):
    """The time that the builds of one version took, over all its targets."""

    def refuse(self, step: ChainStep, *, recipe_digest: str) -> str:
        """Return why the recipe is not tried; empty if it may take time."""
        ...

    def add(self, step: ChainStep, *, recipe_digest: str, seconds: float, crossed_a_limit: bool) -> None:
        """Take down how long the recipe took, and whether it was ended for that."""
        ...


OnProgress = Callable[[str, float | None], None]


@dataclass(frozen=True, kw_only=True)
class Companions:
    """What accompanies a build; each is left out where nobody waits for it."""

    # Gets a sentence, and the part that is done (0 to 1) or None.
    on_progress: OnProgress | None = None
    is_cancelled: Callable[[], bool] | None = None
    cache: BuildCache | None = None
    history: History | None = None


@dataclass(frozen=True, kw_only=True)
class Judging:
    """What the variants of a version are judged against, and by."""

    # The file as it was uploaded; None means that the source is that file.
    upload: Path | None = None
    evaluation: Path | None = None
    # None where nobody has said it: then it is guessed.
    task: ModelTask | None = None
    budget: Budget = field(default_factory=Budget)
    preset: str = DEFAULT_PRESET

    def limits_for(self, target: HardwareTarget) -> VariantLimits:
        """Return the limits in force for the variants of a target."""
        return self.budget.for_target(
            target.name,
            preset=self.preset,
            max_size_bytes=target.max_size_bytes,
            latency_ms=target.latency_budget_ms,
        )


@dataclass(frozen=True, kw_only=True)
class _Work:
    """The common part of all attempts for a target."""

    source: Path
    calibration: Path | None
    inspection: Inspection
    target: HardwareTarget
    scratch: Path
    limits: Limits
    beside: Companions
    judging: Judging

    @property
    def files(self) -> list[Path]:
        """The files that a child may read."""
        files = (self.source, self.judging.upload, self.calibration, self.judging.evaluation)
        return [path.resolve() for path in files if path]

    def request(self, step: ChainStep) -> BuildRequest:
        """Return the request to the child for one recipe."""
        # An upload that ONNX Runtime does not run as it is, or whose outputs are no tensors, is judged by its cleaned copy.
        judge = self.judging.upload if self.inspection.can_measure_upload else None
        upload, evaluation = judge or self.source, self.judging.evaluation
        return BuildRequest(
            upload=str(upload.resolve()),
            source=str(self.source.resolve()),
            calibration=str(self.calibration.resolve()) if self.calibration else None,
            evaluation=str(evaluation.resolve()) if evaluation else None,
            inputs=self.inspection.inputs,
            outputs=self.inspection.outputs,
            free_extents=self.inspection.free_extents,
            recipe=step.recipe,
            parameters=dict(step.parameters),
            task=self.task,
            exclude_nodes=sorted(self.variant_limits.exclude_nodes),
            targets_architecture_matches=self.is_target_architecture,
        )

    @property
    def task(self) -> ModelTask | None:
        """The task as a person said it, else as the intake guessed it; None where neither did, as for older inspections."""
        guessed = self.inspection.task if self.inspection.task.is_assumed else None
        return self.judging.task or guessed

    @property
    def variant_limits(self) -> VariantLimits:
        """The limits in force for the variants of the target."""
        return self.judging.limits_for(self.target)

    @property
    def is_target_architecture(self) -> bool:
        """Whether this machine has the processor architecture of the target."""
        return self.target.architecture in ("any", platform.machine())


def build_attempts(  # noqa: PLR0913 - the parts of one build
    source: Path,
    target: HardwareTarget,
    *,
    inspection: Inspection,
    calibration: Path | None,
    scratch: Path,
    limits: Limits,
    builds_all: bool = False,
    beside: Companions | None = None,
    judging: Judging | None = None,
) -> list[Attempt]:
    """Try the target's recipes in order of preference; the first READY one ends it, and every attempt is listed.

    With ``builds_all`` no attempt ends it: every recipe of the chain is built, then all recipes that the chain does not have.
    A file with ranges from suspect calibration samples is not READY, and the next recipe is tried.

    Raises:
        SandboxUnavailable: The host is in trouble; nothing of this target is kept.
        TaskCancelled: A person canceled the build.
    """
    work = _Work(
        source=source,
        calibration=calibration,
        inspection=inspection,
        target=target,
        scratch=scratch,
        limits=limits,
        beside=beside or Companions(),
        judging=judging or Judging(),
    )
    steps = chains.list_steps(
        target, check=inspection.calibration_check, recipes=work.variant_limits.recipes, builds_all=builds_all
    )
    attempts: list[Attempt] = []
    for step in steps:
        # The samples stay suspect for every recipe, so one such file is enough for a person to vouch for.
        if not builds_all and chains.takes_ranges(step) and any(map(_is_suspect, attempts)):
            continue
        attempts.append(_attempt(step, work))
        if attempts[-1].status == VariantStatus.READY and not builds_all:
            break
    return attempts


def without_file(step: ChainStep, status: VariantStatus, reason: str) -> Attempt:
    """Return an attempt that ended before there was a file."""
    return Attempt(recipe=step.recipe, status=status, recipe_digest=_digest(step), reason=reason)


def _attempt(step: ChainStep, work: _Work) -> Attempt:
    if reason := _find_obstacle(step, work):
        return without_file(step, VariantStatus.NOT_APPLICABLE, reason)
    history = work.beside.history
    if history and (refusal := history.refuse(step, recipe_digest=_digest(step))):
        return without_file(step, VariantStatus.FAILED, refusal)
    try:
        answer, artifact = _build(step, work)
    except (ModelRefused, SandboxKilled, TaskFailed) as error:
        return without_file(step, VariantStatus.FAILED, error.detail)
    if answer.built is None or artifact is None:
        return without_file(step, VariantStatus.NOT_APPLICABLE, _sentence(answer.not_applicable))
    return _judge(answer.built, step, work, artifact=artifact)


def _find_obstacle(step: ChainStep, work: _Work) -> str:
    """Return why the recipe cannot serve this model and target; empty if nothing is known against it."""
    if step.recipe in NOT_BUILT_YET:
        return f'The recipe "{step.recipe}" is not built in this release.'
    # No recipe computes with less than a byte for each weight.
    if obstacles := fits.find_obstacles(work.target, parameter_bytes=work.inspection.parameter_count):
        return " ".join(obstacles)
    given, check = work.inspection.calibration, work.inspection.calibration_check
    return chains.refuse_few(step, check=check, samples=given["samples"] if given is not None else 0)


def _is_suspect(attempt: Attempt) -> bool:
    return attempt.status == VariantStatus.SUSPECT_CALIBRATION


def _build(step: ChainStep, work: _Work) -> tuple[BuildAnswer, Path | None]:
    """Take the recipe's result from the cache, or build it, and keep it there."""
    cache, request = work.beside.cache, work.request(step)
    if cache is None:
        return _run(step, work, request)
    key = build_keys.compute(request, recipe_digest=_digest(step))
    found = cache.get(key, folder=work.scratch)
    if found is None:
        found = _run(step, work, request)
        cache.put(key, *found)
    elif work.beside.on_progress:
        work.beside.on_progress(f"{step.recipe}: taken from the cache", None)
    return found


def _run(step: ChainStep, work: _Work, request: BuildRequest) -> tuple[BuildAnswer, Path | None]:
    started, crossed = time.monotonic(), False
    try:
        answer, job = sandbox.run(
            BUILD,
            request,
            reads=work.files,
            scratch=work.scratch,
            limits=limits_for(work.inspection.size, limits=work.limits),
            on_progress=_named(step, work.beside.on_progress),
            is_cancelled=work.beside.is_cancelled,
        )
        if answer.built is None:
            return answer, None
        return answer, sandbox.take_file(job, _FILENAME, destination=work.scratch / f"{job.name}.{_FILENAME}")
    except SandboxKilled as error:
        crossed = error.reason in _LIMITS_OF_TIME
        raise
    finally:
        if work.beside.history:
            seconds = time.monotonic() - started
            digest = _digest(step)
            work.beside.history.add(step, recipe_digest=digest, seconds=seconds, crossed_a_limit=crossed)


def _named(step: ChainStep, on_progress: OnProgress | None) -> OnProgress | None:
    """Let the progress of a task name its recipe."""
    if on_progress is None:
        return None
    return lambda doing, done: on_progress(f"{step.recipe}: {doing}", done)


def _judge(built: Built, step: ChainStep, work: _Work, *, artifact: Path) -> Attempt:
    target, source_size = work.target, work.inspection.size
    measurements: Measurements = {
        **built.measured,
        "source_size": source_size,
        "size_ratio": round(source_size / artifact.stat().st_size, 3),
        "is_target_architecture": work.is_target_architecture,
    }
    conditions = Conditions(
        gate=RECIPES[step.recipe].gate,
        domains=built.domains,
        has_comparable_latency=work.is_target_architecture,
        sets_activation_ranges=RECIPES[step.recipe].sets_activation_ranges,
    )
    missed = gates.judge_variant(measurements, task=built.task, limits=work.variant_limits, conditions=conditions)
    missed += fits.find_obstacles(
        target,
        parameter_bytes=artifact.stat().st_size,
        peak_memory_bytes=measurements["peak_memory_bytes"],
        opset=built.opset,
        ir_version=built.ir_version,
    )
    status, reason = _decide(step, missed, check=work.inspection.calibration_check)
    return Attempt(
        recipe=step.recipe,
        status=status,
        recipe_digest=_digest(step),
        reason=reason,
        artifact=artifact,
        filename=_FILENAME,
        format="onnx",
        measurements=measurements,
        measured_on=built.measured_on,
        self_test={**built.golden, "latency_budget_ms": target.latency_budget_ms},
        self_test_judge=built.judge,
        warnings=tuple(built.warnings),
        runtime={"engine": target.runtime, "providers": list(target.providers), "options": target.options},
    )


def _decide(step: ChainStep, missed: Sequence[str], *, check: CalibrationCheck | None) -> tuple[VariantStatus, str]:
    """Return the state of a built file, and why it is not READY."""
    if missed:
        return VariantStatus.REJECTED, " ".join(missed)
    if check is not None and check["verdict"] == "suspect" and chains.takes_ranges(step):
        return VariantStatus.SUSPECT_CALIBRATION, " ".join(check["warnings"])
    return VariantStatus.READY, ""


def _digest(step: ChainStep) -> str:
    return compute_digest(step.recipe, step.parameters)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
