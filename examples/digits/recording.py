"""Record the inferences of a model on the images of a camera, for the baseline of a version and for its PSI under drift."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import images
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

MODEL_ID = "digits"
SHARE_FLOOR = 1e-6

View = Callable[[images.Image, np.random.Generator], images.Image]
Session: TypeAlias = ort.InferenceSession
Record = dict[str, object]


def open_session(model: Path) -> ort.InferenceSession:
    """Load a model as on a small device: CPU, one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def measure_accuracy(session: Session, *, pictures: images.Image, labels: npt.NDArray[np.int64]) -> float:
    """Return the share of pictures [N, 8, 8] whose class the model gets right."""
    (logits,) = session.run(["logits"], {"image": pictures[:, np.newaxis]})
    return float(np.mean(logits.argmax(axis=1) == labels))


def record_inferences(
    session: Session,
    *,
    version: str,
    pictures: images.Image,
    view: View,
    count: int,
    rng: np.random.Generator,
    pause_seconds: float = 0.0,
) -> list[Record]:
    """Classify `count` pictures drawn uniformly with replacement; one record of telemetry each, with its measured latency.

    Without a camera's pause between two frames the model stays in the processor's cache and looks ten times faster.
    """
    records = []
    for index in rng.integers(len(pictures), size=count):
        batch = images.to_input(view(pictures[index], rng))
        time.sleep(pause_seconds)
        records.append(_record_one(session, version=version, batch=batch))
    return records


def _record_one(session: Session, *, version: str, batch: npt.NDArray[np.float32]) -> Record:
    started = time.perf_counter()
    (logits,) = session.run(["logits"], {"image": batch})
    latency_ms = (time.perf_counter() - started) * 1000
    odds = np.exp(logits[0] - logits[0].max())
    return {
        "timestamp": round(time.time(), 6),
        "latency_ms": round(latency_ms, 4),
        "model_id": MODEL_ID,
        "model_version": version,
        "confidence": round(float(odds.max() / odds.sum()), 6),
        "class_id": int(logits[0].argmax()),
        "request_hash": hashlib.sha256(batch.tobytes()).hexdigest()[:16],
    }


def write_records(records: Iterable[Record], path: Path) -> None:
    """Write records as JSON lines, the form of a baseline for the registry."""
    lines = (json.dumps(record, separators=(",", ":")) for record in records)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def count_classes(records: Sequence[Record]) -> Counter[object]:
    """Count the predictions of each class."""
    return Counter(record["class_id"] for record in records)


def population_stability(baseline: Mapping[object, int], current: Mapping[object, int]) -> float:
    """Return PSI = sum of (a - b) ln(a / b) over the classes of either side, with shares of at least 1e-6."""
    total = 0.0
    for name in baseline.keys() | current.keys():
        a = max(current.get(name, 0) / sum(current.values()), SHARE_FLOOR)
        b = max(baseline.get(name, 0) / sum(baseline.values()), SHARE_FLOOR)
        total += (a - b) * float(np.log(a / b))
    return total
