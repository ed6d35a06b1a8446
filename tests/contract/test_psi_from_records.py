"""``psi_raw`` of the API equals the textbook formula on the same records, through the real counting and storage."""

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from registry.baselines.inference_records import InferenceRecord
from tests.telemetry_rows import MODEL, VERSION, add_baseline, add_telemetry

pytestmark = pytest.mark.django_db


def textbook_psi(current, baseline):
    """Σ (a − b)·ln(a/b) over the shares of every class on either side, floored at 1e-6."""
    classes = np.union1d(current, baseline)
    a = np.maximum([(current == class_id).mean() for class_id in classes], 1e-6)
    b = np.maximum([(baseline == class_id).mean() for class_id in classes], 1e-6)
    return float(np.sum((a - b) * np.log(a / b)))


def records_of(classes, *, at):
    return [
        InferenceRecord(
            timestamp=at.timestamp(), latency_ms=3.0, model_version=VERSION, confidence=0.8, class_id=int(class_id)
        )
        for class_id in classes
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_api_answers_the_textbook_value_to_a_billionth(api, seed):
    random = np.random.default_rng(seed)
    now = timezone.now()
    class_ids = random.integers(-(2**62), 2**62, size=40) if seed % 2 else np.arange(-1, 39)
    baseline = random.choice(class_ids[:35], size=3000, p=random.dirichlet(np.ones(35)))
    current = random.choice(class_ids[3:], size=2000, p=random.dirichlet(np.ones(37)))
    add_baseline(records_of(baseline, at=now))
    for part, hours in zip(np.array_split(current, 7), range(7), strict=True):
        sent = records_of(part, at=now - timedelta(hours=hours))
        add_telemetry(sent, device_id=f"edge-{hours % 3}", labels={"site": "osaka"}, received_at=now)
    for narrowing in ({}, {"label": "site:osaka"}, {"target": "generic-cpu"}):
        body = api("viewer").get("/api/drift", {"model": MODEL, "version": VERSION, **narrowing}).json()
        assert body["samples"] == 2000
        assert body["psi_raw"] == pytest.approx(textbook_psi(current, baseline), abs=1e-9)
