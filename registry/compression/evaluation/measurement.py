"""Measures a variant against the uploaded file: quality, speed and memory.

Each loop has a time box. More samples make the comparison finer and never longer than that, so they never fail a model.
"""

import time
from collections.abc import Callable

from registry.compression.evaluation import latency, memory
from registry.compression.evaluation.comparison import new_comparison
from registry.compression.evaluation.feeds import JudgingFeeds
from registry.compression.evaluation.results import Latency, QualityNumbers
from registry.compression.model_task import ModelTask
from registry.compression.runtime import open_session
from registry.compression.tensor_specs import TensorSpec

# For comparing all samples; the first sample is compared whatever the time it takes.
COMPARING_SECONDS = 20.0
_IMAGE_RANK = 4

Report = Callable[[str, float | None], None]


class Beside(QualityNumbers, Latency):
    """A variant beside the uploaded file, in one run."""

    peak_memory_bytes: int | None
    source_peak_memory_bytes: int | None


def measure(
    upload: bytes,
    variant: bytes,
    *,
    feeds: JudgingFeeds,
    task: ModelTask,
    report: Report,
    seconds: float = COMPARING_SECONDS,
) -> Beside:
    """Return quality, latency at one and two threads, and the memory that each adds when it is loaded and run."""
    first = feeds.feed(feeds.places[0])
    report("measuring memory", None)
    variant_memory = memory.find_peak(lambda: open_session(variant).run(None, dict(first)))
    upload_memory = memory.find_peak(lambda: open_session(upload).run(None, dict(first)))
    quality = compare(upload, variant, feeds=feeds, task=task, report=report, seconds=seconds)
    report("measuring speed", None)
    return {
        **quality,
        **latency.measure(upload, variant, feed=first),
        "peak_memory_bytes": variant_memory,
        "source_peak_memory_bytes": upload_memory,
    }


def compare(
    upload: bytes, variant: bytes, *, feeds: JudgingFeeds, task: ModelTask, report: Report, seconds: float
) -> QualityNumbers:
    """Compare on as many feeds as the time allows, and on at least one."""
    before, after = open_session(upload), open_session(variant)
    names = [output.name for output in before.get_outputs()]
    comparison = new_comparison(task, names=names, image_size=find_image_size(feeds))
    started = time.monotonic()
    for index, (feed, labels) in enumerate(feeds):
        passed = time.monotonic() - started
        if index and passed > seconds:
            break
        report("comparing", max(index / len(feeds), min(1.0, passed / seconds)))
        comparison.add(before.run(names, dict(feed)), after.run(names, dict(feed)), labels=labels)
    return {**comparison.summarize(), "parity_samples_given": len(feeds), "parity_on": feeds.kind}


def find_image_size(feeds: JudgingFeeds) -> tuple[int, int] | None:
    """Return (height, width) of the first input that is an image, with its channels first or last."""
    shapes = [_shape(spec, feeds) for spec in feeds.inputs]
    image = next((shape for shape in shapes if len(shape) == _IMAGE_RANK), None)
    if image is None:
        return None
    return (image[2], image[3]) if image[1] <= image[3] else (image[1], image[2])


def _shape(spec: TensorSpec, feeds: JudgingFeeds) -> tuple[int, ...]:
    return spec.resolve(feeds.sizes)
