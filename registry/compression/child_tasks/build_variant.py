"""The task ``build``: one recipe on one model, measured against the uploaded file, in one child.

1. open the cleaned copy through the checks of the intake again, and the samples
2. the recipe writes its file
3. measure the file against the upload, and make its self-test
"""

import importlib
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec
import onnx

from registry.compression.arrays import Array
from registry.compression.calibration.samples import Samples, read_samples
from registry.compression.child_tasks.messages import BuildAnswer, BuildRequest, Built
from registry.compression.evaluation import comparison, feeds, findings, gates, machine, measurement, self_test
from registry.compression.evaluation.feeds import JudgingFeeds
from registry.compression.evaluation.results import Measured
from registry.compression.evaluation.tasks import guessing
from registry.compression.intake import cleaning, interface, opening, walking
from registry.compression.model_task import ModelTask
from registry.compression.recipes import RECIPES, Recipe, fixed_shape
from registry.compression.recipes.source import NotApplicable, Source
from registry.compression.runtime import open_session
from registry.compression.sandbox import progress
from registry.compression.sandbox.limits import Limits
from registry.compression.tensor_specs import TensorSpec

FILENAME = "model.onnx"
Request = BuildRequest


def run(request: BuildRequest, *, job: Path, limits: Limits) -> BuildAnswer:
    """Build by the recipe of the request; the file is in the job folder, everything else in the answer."""
    started = time.perf_counter()
    recipe, inputs = RECIPES[request.recipe], [TensorSpec.from_json(body) for body in request.inputs]
    progress.report("reading samples", None)
    calibration = _read_samples(request.calibration, inputs=inputs, folder=job / "tmp", limits=limits)
    evaluation = _read_samples(request.evaluation, inputs=inputs, folder=job / "tmp" / "evaluation", limits=limits)
    judging = feeds.choose(inputs, sizes=request.free_extents, calibration=calibration, evaluation=evaluation)
    task = request.task or _guess_task(request, judging=judging)
    source = Source(
        model=opening.open_checked(Path(request.source), limits=limits),
        samples=calibration,
        threads=limits.threads,
        task=task,
        sizes=request.free_extents,
        exclude_nodes=frozenset(request.exclude_nodes),
        report=progress.report,
        judge=lambda compared: _judge(compared, task=task, judging=judging),
    )
    # By name: recipes/__init__.py lists the modules, and the parent process reads that list without their tools.
    build = importlib.import_module(f"registry.compression.recipes.{recipe.module}").build
    try:
        source = fixed_shape.apply(source, parameters=request.parameters)
        build(source, destination=job / FILENAME, parameters=request.parameters)
    except NotApplicable as reason:
        return BuildAnswer(not_applicable=str(reason))
    built = _describe(request, job / FILENAME, task=task, recipe=recipe, judging=judging, limits=limits)
    measured: Measured = {**built.measured, "seconds": round(time.perf_counter() - started, 3)}
    return BuildAnswer(
        built=msgspec.structs.replace(built, measured=measured, warnings=[*source.warnings, *built.warnings])
    )


def _judge(
    compared: Collection[tuple[Sequence[Array], Sequence[Array]]], *, task: ModelTask, judging: JudgingFeeds
) -> list[str]:
    """Judge a file that a recipe tries, as the gates judge the one that it chooses."""
    running = comparison.new_comparison(task, image_size=measurement.find_image_size(judging))
    for before, after in compared:
        running.add(before, after)
    return gates.judge(running.summarize(), task=task)


def _describe(
    request: BuildRequest, file: Path, *, task: ModelTask, recipe: Recipe, judging: JudgingFeeds, limits: Limits
) -> Built:
    """Measure the file, and make its self-test."""
    variant = file.read_bytes()
    beside = measurement.measure(
        Path(request.upload).read_bytes(), variant, feeds=judging, task=task, report=progress.report
    )
    model = onnx.load_model_from_string(variant)
    inputs, outputs = interface.read(model, limits=limits)
    declared = [TensorSpec.from_json(body) for body in request.outputs]
    progress.report("making the self-test", None)
    golden = self_test.make(open_session(variant), feeds=judging, outputs=declared, gate=recipe.gate)
    return Built(
        domains=sorted({node.domain for node in walking.iterate_nodes(model)}),
        measured={**beside, "size": len(variant), "seconds": 0.0},
        measured_on=machine.describe(),
        task=task,
        golden=golden,
        judge=self_test.choose_judge(task, gate=recipe.gate),
        inputs=[spec.to_json() for spec in inputs],
        outputs=[spec.to_json() for spec in outputs],
        opset=cleaning.get_opset(model),
        ir_version=model.ir_version,
        warnings=findings.warn(beside, golden=golden),
    )


def _guess_task(request: BuildRequest, *, judging: JudgingFeeds) -> ModelTask:
    """Guess the task from the uploaded file's outputs on the first sample."""
    session = open_session(Path(request.upload).read_bytes())
    outputs = [TensorSpec.from_json(body) for body in request.outputs]
    found = session.run([spec.name for spec in outputs], judging.feed(judging.places[0]))
    return guessing.guess(outputs, found)


def _read_samples(path: str | None, *, inputs: list[TensorSpec], folder: Path, limits: Limits) -> Samples | None:
    if path is None:
        return None
    folder.mkdir(exist_ok=True)
    return read_samples(Path(path), inputs=inputs, folder=folder, limits=limits)
