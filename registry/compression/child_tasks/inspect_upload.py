"""The task ``inspect``: the whole intake of one upload, in order.

1. parse, without following external data              (``intake.parsing``)
2. our own rules                                        (``intake.rules``)
3. strip metadata, outputs that are no tensors, name nodes and free extents (``intake.cleaning``, ``intake.interface``)
4. onnx's checker with full shape inference             (``intake.opening``)
5. the files of samples, against the inputs             (``calibration.samples``)
6. smoke inference, under a processor time limit of its own (``intake.smoke``)
7. the copy must give the answers of the upload, also after an old operator set was raised (``intake.equality``)
8. the calibration samples, against the evaluation samples or the baseline (``calibration.guard``)
9. the classes that a classifier answers on its samples (``evaluation.predictions``)
"""

from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
import onnx

from registry.compression.arrays import Array
from registry.compression.calibration import guard
from registry.compression.calibration.archive import Role
from registry.compression.calibration.guard import CalibrationCheck
from registry.compression.calibration.samples import Samples, read_samples
from registry.compression.child_tasks.messages import CalibrationSummary, Inspection, InspectRequest
from registry.compression.evaluation import calibration_evidence
from registry.compression.evaluation.predictions import predict
from registry.compression.evaluation.results import Predictions
from registry.compression.evaluation.tasks import guessing
from registry.compression.intake import cleaning, equality, interface, opening, operator_sets, sizes, smoke, walking
from registry.compression.intake.equality import Verdict
from registry.compression.intake.tensors import count_elements
from registry.compression.model_task import ModelTask, TaskKind
from registry.compression.refusal import ModelRefused
from registry.compression.runtime import RUNTIME_ERRORS, open_session, random_feed
from registry.compression.sandbox import progress
from registry.compression.sandbox.confinement.resources import limit_cpu_from_now
from registry.compression.sandbox.limits import Limits, allowed_cpu_seconds
from registry.compression.tensor_specs import TensorSpec

CLEANED = "cleaned.onnx"
_RAISED = "raised.onnx"
Request = InspectRequest

# How the tools say that a converted model is broken.
CANNOT_USE: tuple[type[Exception], ...] = (
    *RUNTIME_ERRORS,
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    TypeError,
)
# Inferences that the upload and its copy must answer alike: this many, or fewer where one takes long.
_FEEDS = 4
_FEEDS_SECONDS = 1.0
_UPLOAD_SENTENCES: Final = {
    Verdict.UNSTABLE: "The model answers differently each time it runs, so its cleaned copy could not be compared with it.",
    Verdict.UPLOAD_FAILS: "ONNX Runtime does not run the uploaded file itself, so variants are measured against its cleaned copy.",
}


def run(request: InspectRequest, *, job: Path, limits: Limits) -> Inspection:
    """Inspect the source of the request, write the cleaned model into the job folder, return what was found."""
    source, cleaned = Path(request.source), job / CLEANED
    limit_cpu_from_now(allowed_cpu_seconds(source.stat().st_size, limits=limits))
    opened = opening.open_upload(source, limits=limits)
    model, warnings = opened.model, opened.warnings
    can_measure_upload = not warnings
    inputs, outputs = interface.read(model, limits=limits)
    calibration = _read(request.calibration, role="calibration", inputs=inputs, job=job, limits=limits)
    evaluation = _read(request.evaluation, role="evaluation", inputs=inputs, job=job, limits=limits)
    samples = calibration or evaluation
    _write(model, cleaned)
    hints = smoke.Hints(samples=samples, shapes=request.shapes, scalars=sizes.find_scalars(model, inputs))
    found = smoke.run(cleaned, inputs=inputs, outputs=outputs, hints=hints, limits=limits)
    warnings += _warn_of_infinities(found)
    if interface.declare_outputs(model, found.outputs):
        _write(model, cleaned)
    verdict, more = _compare(source, model, found, job=job, inputs=inputs, samples=samples, limits=limits)
    task = request.task or guessing.guess(found.outputs, found.results)
    checked = _check(request, cleaned, task=task, calibration=calibration, evaluation=evaluation, limits=limits)
    return Inspection(
        inputs=[spec.to_json() for spec in inputs],
        outputs=[spec.to_json() for spec in found.outputs],
        opset=cleaning.get_opset(model),
        ir_version=model.ir_version,
        operators=dict(sorted(Counter(node.op_type for node in walking.iterate_nodes(model)).items())),
        parameter_count=_count_parameters(model),
        size=source.stat().st_size,
        free_extents=found.sizes,
        calibration=_summarize(calibration) if calibration else None,
        evaluation=_summarize(evaluation) if evaluation else None,
        equals_upload=verdict is Verdict.EQUAL,
        can_measure_upload=can_measure_upload and verdict is not Verdict.UPLOAD_FAILS,
        warnings=[*warnings, *more, *(checked["warnings"] if checked else ())],
        task=task,
        calibration_check=checked,
        predictions=_predict(cleaned, task=task, samples=evaluation or calibration, limits=limits),
    )


def _compare(
    source: Path,
    model: onnx.ModelProto,
    found: smoke.Smoke,
    *,
    job: Path,
    inputs: list[TensorSpec],
    samples: Samples | None,
    limits: Limits,
) -> tuple[Verdict, list[str]]:
    """Hold the cleaned copy, and then its raised form, against the upload. ``model`` becomes the one that is kept.

    Raises:
        ModelRefused: The copy gives other answers.
    """
    cleaned, names = job / CLEANED, [spec.name for spec in found.outputs]
    limit_cpu_from_now(allowed_cpu_seconds(source.stat().st_size, limits=limits))
    feeds = _make_feeds(found, inputs=inputs, samples=samples)
    feeds, answers = equality.answer_possible(cleaned, feeds=feeds, names=names)
    limit_cpu_from_now(allowed_cpu_seconds(source.stat().st_size, limits=limits))
    verdict = equality.compare(source, answers, feeds=feeds, names=names)
    if verdict is Verdict.DIFFERENT:
        message = "A copy of the model without its metadata gives other answers than the model."
        raise ModelRefused(message, reason="cleaning_changes_answers")
    warnings = [_UPLOAD_SENTENCES[verdict]] if verdict in _UPLOAD_SENTENCES else []
    before = cleaning.get_opset(model)
    if verdict is Verdict.UNSTABLE or before >= cleaning.MINIMUM_OPSET:
        return verdict, warnings
    limit_cpu_from_now(allowed_cpu_seconds(source.stat().st_size, limits=limits))
    if _raise(model, answers, feeds=feeds, names=names, job=job):
        return verdict, warnings
    minimum = cleaning.MINIMUM_OPSET
    sentence = (
        f"Operator set {before} is kept: converted to {minimum}, the model gives other answers or does not load. "
        f"Recipes that need operator set {minimum} do not apply."
    )
    return verdict, [*warnings, sentence]


def _raise(
    model: onnx.ModelProto, answers: equality.Answers, *, feeds: list[smoke.Feed], names: list[str], job: Path
) -> bool:
    """Raise the operator set of ``model`` and of the file, if the answers stay; else leave both as they were."""
    raised = onnx.ModelProto()
    raised.CopyFrom(model)
    if not operator_sets.raise_opset(raised):
        return False
    _write(raised, job / _RAISED)
    try:
        onnx.checker.check_model(str(job / _RAISED))
        opening.check_shapes(raised)
        got = equality.answer(job / _RAISED, feeds=feeds, names=names)
    except CANNOT_USE:
        return False
    if not equality.are_equal(answers, got):
        return False
    model.CopyFrom(raised)
    (job / _RAISED).replace(job / CLEANED)
    return True


def _make_feeds(found: smoke.Smoke, *, inputs: list[TensorSpec], samples: Samples | None) -> list[smoke.Feed]:
    wanted = max(1, min(_FEEDS, int(_FEEDS_SECONDS / max(found.seconds, 1e-6))))
    feeds = [found.feed]
    if samples is not None:
        feeds += [samples.feed(index) for index in samples.held_out[1:2]]
    feeds += [_vary_integers(random_feed(inputs, sizes=found.sizes, seed=seed), seed=seed) for seed in range(1, _FEEDS)]
    return feeds[:wanted]


def _vary_integers(feed: smoke.Feed, *, seed: int) -> smoke.Feed:
    """Give whole numbers and truth values 0 and 1 at random: an index of 1 is in range of every table but the shortest."""
    generator = np.random.default_rng(seed)

    def vary(array: Array) -> Array:
        if array.dtype.kind == "f" or array.size == 1:
            return array
        return generator.integers(0, 2, array.shape).astype(array.dtype)

    return {name: vary(array) for name, array in feed.items()}


def _warn_of_infinities(found: smoke.Smoke) -> list[str]:
    return [
        f'The output "{spec.name}" has NaN or infinity in the first inference; variants are compared where it is finite.'
        for spec, result in zip(found.outputs, found.results, strict=True)
        if result.dtype.kind == "f" and not np.isfinite(result).all()
    ]


def _read(path: str | None, *, role: Role, inputs: list[TensorSpec], job: Path, limits: Limits) -> Samples | None:
    if path is None:
        return None
    limit_cpu_from_now(limits.calibration_cpu_seconds)
    return read_samples(Path(path), inputs=inputs, folder=job / "tmp", limits=limits, role=role)


def _check(
    request: InspectRequest,
    cleaned: Path,
    *,
    task: ModelTask,
    calibration: Samples | None,
    evaluation: Samples | None,
    limits: Limits,
) -> CalibrationCheck | None:
    """Run the model on the samples, and hear what the guard says of those for calibration."""
    if calibration is None:
        return None
    progress.report("checking the calibration samples", None)
    limit_cpu_from_now(limits.calibration_cpu_seconds)
    session = open_session(cleaned, threads=limits.threads, is_quiet=True)
    evidence = calibration_evidence.gather(
        session, task=task, calibration=calibration, evaluation=evaluation, baseline=request.baseline
    )
    return guard.check(evidence)


def _predict(cleaned: Path, *, task: ModelTask, samples: Samples | None, limits: Limits) -> Predictions | None:
    if samples is None or task.kind != TaskKind.CLASSIFICATION:
        return None
    progress.report("answering the samples", None)
    limit_cpu_from_now(limits.calibration_cpu_seconds)
    return predict(open_session(cleaned, threads=limits.threads, is_quiet=True), samples=samples)


def _summarize(samples: Samples) -> CalibrationSummary:
    labels = samples.labels
    return {
        "samples": samples.count,
        "held_out": len(samples.held_out) * samples.batch.size,
        "has_labels": labels is not None,
        "classes": 0 if labels is None else int(np.unique(labels).size),
    }


def _write(model: onnx.ModelProto, path: Path) -> None:
    path.write_bytes(model.SerializeToString(deterministic=True))


def _count_parameters(model: onnx.ModelProto) -> int:
    return sum(count_elements(tensor) for graph, _ in walking.iterate_graphs(model) for tensor in graph.initializer)
