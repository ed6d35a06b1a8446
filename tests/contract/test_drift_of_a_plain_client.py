"""A client of a few lines posts batches; the drift it reads back is the textbook's, to 1e-9."""

import json
import math
import random
import time
from collections import Counter

import pytest
import requests

from core import tokens
from core.actors import SYSTEM
from core.roles import Role
from fleet.devices.tokens import issue_token
from fleet.models import Device, Subscription
from ingest.roll_ups import folding
from ingest.roll_ups import verbs as roll_ups
from registry.models import Blob, ModelVersion, RegisteredModel

pytestmark = pytest.mark.django_db(transaction=True)

BATCH = 100


def records(rng, shares, count):
    class_ids = rng.choices(range(len(shares)), weights=shares, k=count)
    return [
        {
            "timestamp": time.time() - rng.uniform(0, 1000),
            "latency_ms": rng.expovariate(0.1),
            "model_version": "1.0.0",
            "confidence": rng.random(),
            "class_id": class_id,
            "request_hash": f"{index}",
        }
        for index, class_id in enumerate(class_ids)
    ]


def textbook_psi(baseline, current):
    """Σ (a - b)·ln(a / b) over every class on either side, shares floored at 1e-6."""
    total = 0.0
    for class_id in baseline.keys() | current.keys():
        a = max(current[class_id] / current.total(), 1e-6)
        b = max(baseline[class_id] / baseline.total(), 1e-6)
        total += (a - b) * math.log(a / b)
    return total


@pytest.fixture
def device_token():
    model = RegisteredModel.objects.create(slug="digits")
    blob = Blob.objects.create(sha256="0" * 64, size=1)
    ModelVersion.objects.create(model=model, number="1.0.0", status="ready", source=blob, created_by="test")
    device = Device.objects.create(device_id="edge-1", target="generic-cpu")
    Subscription.objects.create(device=device, model_slug="digits")
    return issue_token(device)


def test_psi_raw_is_the_textbook_formula_on_the_same_records(live_server, device_token):
    rng = random.Random(20)
    normal = records(rng, [5, 4, 3, 2, 1], 2000)
    # One class vanishes and one that nobody has seen appears.
    drifted = records(rng, [1, 2, 0, 4, 5, 3], 1500)
    bearer = {"Authorization": f"Bearer {tokens.create('test', role=Role.ADMIN, actor=SYSTEM)}"}
    lines = "\n".join(json.dumps(record) for record in normal)
    url = f"{live_server.url}/api/models/digits/versions/1.0.0/baseline"
    made = requests.post(url, headers=bearer, files={"file": ("normal.jsonl", lines)}, timeout=30)
    assert made.status_code == 201, made.text

    ingest = live_server.url.replace("http://", f"http://edge-1:{device_token}@") + "/api/ingest"
    for start in range(0, len(drifted), BATCH):
        batch = {"device_id": "edge-1", "records": drifted[start : start + BATCH]}
        answer = requests.post(ingest, json=batch, timeout=30)
        assert (answer.status_code, answer.json()) == (200, {"accepted": BATCH, "duplicates": 0})
    while roll_ups.roll_up_chunk():
        pass

    query = {"model": "digits", "version": "1.0.0", "window": "24h"}
    found = requests.get(f"{live_server.url}/api/drift", params=query, headers=bearer, timeout=30).json()
    expected = textbook_psi(Counter(r["class_id"] for r in normal), Counter(r["class_id"] for r in drifted))
    assert found["samples"] == 1500
    assert found["baseline"]["samples"] == 2000
    assert found["psi_raw"] == pytest.approx(expected, abs=1e-9)
    while folding.fold_chunk():
        pass
    again = requests.get(f"{live_server.url}/api/drift", params=query, headers=bearer, timeout=30).json()
    assert again["psi_raw"] == found["psi_raw"]
