"""Rows as ingest and the registry would have written them, for tests of what reads them."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from fleet.models import Device
from ingest.roll_ups import counting
from ingest.roll_ups import verbs as roll_ups
from registry.baselines.histograms import statistics_of
from registry.baselines.inference_records import InferenceRecord
from registry.models import Baseline, Blob, ModelVersion, RegisteredModel

MODEL, VERSION = "digits", "1.0.0"
BUCKET_SECONDS = 3600
NOON = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


def records(classes: dict[int, int], *, at: datetime = NOON, confidence: float = 0.9, latency_ms: float = 5.0):
    """As many records of each class as asked for, all at one time."""
    return [
        InferenceRecord(
            timestamp=at.timestamp(),
            latency_ms=latency_ms,
            model_version=VERSION,
            confidence=confidence,
            class_id=class_id,
            model_id=MODEL,
        )
        for class_id, number in classes.items()
        for _ in range(number)
    ]


def add_telemetry(
    sent: Iterable[InferenceRecord],
    *,
    device_id: str = "edge-1",
    target: str = "generic-cpu",
    labels: dict[str, str] | None = None,
    received_at: datetime = NOON,
) -> None:
    """Count records as ingest does, through its own counting and COPY."""
    batch = counting.CountableBatch(
        device_id=device_id,
        target=target,
        labels=labels or {},
        default_model=MODEL,
        received_at=received_at,
        records=list(sent),
    )
    counts = counting.count([batch], bucket_seconds=BUCKET_SECONDS, known_versions=frozenset({(MODEL, VERSION)}))
    roll_ups._append(counts, bucket_seconds=BUCKET_SECONDS)
    Device.objects.get_or_create(device_id=device_id, defaults={"target": target, "labels": labels or {}})


def add_version() -> ModelVersion:
    model, _ = RegisteredModel.objects.get_or_create(slug=MODEL)
    blob, _ = Blob.objects.get_or_create(sha256="0" * 64, size=1)
    found, _ = ModelVersion.objects.get_or_create(
        model=model, number=VERSION, defaults={"source": blob, "status": "ready"}
    )
    return found


def add_baseline(normal: Iterable[InferenceRecord]) -> Baseline:
    statistics = statistics_of(normal)
    blob = Blob.objects.get(sha256="0" * 64) if Blob.objects.exists() else add_version().source
    return Baseline.objects.create(
        version=add_version(), source="upload", samples=statistics["samples"], statistics=statistics, blob=blob
    )


def share_of(classes: Iterable[int]) -> dict[int, float]:
    counted = Counter(classes)
    return {class_id: number / counted.total() for class_id, number in counted.items()}
