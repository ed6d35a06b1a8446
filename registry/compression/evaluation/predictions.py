"""The classes that a model answers on its samples, so that two versions can be compared sample by sample."""

import hashlib
import time
from typing import Final

import numpy as np
import onnxruntime as ort

from registry.compression.arrays import Array
from registry.compression.calibration.samples import Samples
from registry.compression.evaluation.results import MAX_PREDICTIONS, Predictions
from registry.compression.evaluation.tasks.classification import choose_classes
from registry.compression.runtime import RUNTIME_ERRORS

# Of the samples that are looked at. Their digest takes a second at most.
_MAX_BYTES: Final = 256 << 20
_CPU_SECONDS: Final = 3.0


def predict(
    session: ort.InferenceSession, *, samples: Samples, cpu_seconds: float = _CPU_SECONDS
) -> Predictions | None:
    """Run the model on the held-out samples in their order, until the processor time is over; the digest names all of them.

    Returns None where the model gives no single class per sample, or cannot run on a sample.
    """
    names = [output.name for output in session.get_outputs()]
    digest, classes = hashlib.sha256(), list[int]()
    ends_at = time.process_time() + cpu_seconds
    for place in _choose_places(samples):
        feed = samples.feed(place)
        _update(digest, feed)
        if time.process_time() > ends_at:
            # The digest goes on: a slower model has the same samples.
            continue
        try:
            found = choose_classes(session.run(names, feed))
        except RUNTIME_ERRORS:
            return None
        if found is None or found.shape != (samples.batch.size,):
            return None
        classes += found.tolist()
    return {"samples_sha256": digest.hexdigest(), "classes": classes} if classes else None


def _choose_places(samples: Samples) -> list[int]:
    """Return the places of the feeds; the choice depends on the samples alone, not on the model's speed."""
    places = list(samples.held_out)
    if not places:
        return []
    feed_bytes = sum(array.nbytes for array in samples.feed(places[0]).values())
    return places[: max(1, min(MAX_PREDICTIONS // samples.batch.size, _MAX_BYTES // max(1, feed_bytes)))]


def _update(digest: "hashlib._Hash", feed: dict[str, Array]) -> None:
    for name, array in sorted(feed.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
