"""Gathers the evidence of the calibration guard: how sure the source is on each set of samples, and how often it is right."""

import time
from collections.abc import Sequence

import numpy as np
import onnxruntime as ort

from registry.compression.arrays import Array
from registry.compression.calibration.guard import Evidence
from registry.compression.calibration.samples import Samples
from registry.compression.evaluation import noise
from registry.compression.evaluation.tasks import scores
from registry.compression.evaluation.tasks.classification import ClassificationComparison, find_output
from registry.compression.evaluation.tasks.detection import DEFAULT_LAYOUT
from registry.compression.evaluation.tasks.detector_layouts import read
from registry.compression.model_task import ModelTask, TaskKind
from registry.compression.runtime import RUNTIME_ERRORS

# Bins of a baseline; with evaluation samples the bins are as fine as the distance wants.
BASELINE_BINS = 20
_FINE_BINS = 1000
_MAX_FEEDS = 512
_SECONDS = 10.0


def gather(
    session: ort.InferenceSession,
    *,
    task: ModelTask,
    calibration: Samples,
    evaluation: Samples | None = None,
    baseline: Sequence[int] | None = None,
) -> Evidence:
    """Run the source on the samples, for 10 seconds each at most; ``baseline`` are counts of confidence in 20 bins."""
    bins = BASELINE_BINS if evaluation is None and baseline is not None else _FINE_BINS
    counts, accuracy = _run(session, task=task, samples=calibration, bins=bins)
    evidence: Evidence = {"samples": calibration.count, "calibration_confidences": counts}
    if accuracy is not None:
        evidence["calibration_accuracy"] = accuracy
    if evaluation is not None:
        evidence["reference"] = "evaluation"
        evidence["reference_confidences"], right = _run(session, task=task, samples=evaluation, bins=bins)
        if right is not None:
            evidence["reference_accuracy"] = right
    elif baseline is not None:
        evidence["reference"] = "baseline"
        evidence["reference_confidences"] = list(baseline)
    return evidence


def _run(
    session: ort.InferenceSession, *, task: ModelTask, samples: Samples, bins: int
) -> tuple[list[int], float | None]:
    names = [output.name for output in session.get_outputs()]
    places = (
        np.random.default_rng(0).permutation(sorted([*samples.for_ranges, *samples.held_out]))[:_MAX_FEEDS].tolist()
    )
    counts, decisions = np.zeros(bins, dtype=np.int64), ClassificationComparison(task)
    ends_at = time.monotonic() + _SECONDS
    for place in places:
        if time.monotonic() > ends_at:
            break
        try:
            found = session.run(names, samples.feed(place))
        except RUNTIME_ERRORS:
            # Samples that the model cannot take are named where they are used; here they say nothing.
            continue
        outputs = [noise.without_infinities(part, part)[0] if part.dtype.kind == "f" else part for part in found]
        counts += np.histogram(find_confidences(outputs, task=task), bins=bins, range=(0.0, 1.0))[0]
        if task.kind == TaskKind.CLASSIFICATION:
            decisions.add(outputs, outputs, samples.feed_labels(place))
    return counts.tolist(), decisions.summarize().get("accuracy_before")


def find_confidences(outputs: Sequence[Array], *, task: ModelTask) -> Array:
    """Return one number from 0 to 1 for each sample: how sure the model is. Empty where the task has no such number."""
    if task.kind == TaskKind.DETECTION:
        images = read(outputs, layout=task.layout or DEFAULT_LAYOUT)
        return np.array([image.scores.max(initial=0.0) for image in images])
    index = find_output(outputs)
    if task.kind == TaskKind.CLASSIFICATION and index is not None and outputs[index].ndim == 2:
        found = outputs[index]
        return np.asarray(scores.to_class_probabilities(found, found, task=task)[0].max(axis=-1))
    floats = next((output for output in outputs if output.dtype.kind == "f" and output.size), None)
    if floats is None or task.kind not in {TaskKind.MULTILABEL, TaskKind.SEGMENTATION, TaskKind.SEQUENCE}:
        return np.zeros(0)
    if task.kind == TaskKind.SEQUENCE:
        return np.asarray([scores.to_class_probabilities(floats, floats, task=task)[0].max(axis=-1).mean()])
    known = scores.to_label_probabilities(floats, floats, task=task)[0]
    return np.asarray(np.maximum(known, 1 - known).reshape(len(known), -1).mean(axis=1))
