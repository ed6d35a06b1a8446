import json

import pytest

from core.actors import SYSTEM
from registry.baselines import verbs as baselines
from registry.baselines.inference_records import UnreadableRecords
from registry.models import ModelVersion
from registry.storage import configured_store

pytestmark = pytest.mark.django_db

STATISTICS = {"bins_version": 1, "samples": 3, "classes": {"1": 3}, "confidence": [0] * 19 + [3], "latency": {"5": 3}}


def test_the_newest_baseline_is_in_force_and_the_uploaded_one_stays_in_the_manifest(upload, tmp_path):
    records = tmp_path / "baseline.jsonl"
    records.write_text(
        json.dumps({"timestamp": 1, "latency_ms": 2, "model_version": "1.0.0", "confidence": 1, "class_id": 7})
    )
    version = upload(baseline=records)
    later = baselines.create(version, statistics=STATISTICS, source="telemetry", actor=SYSTEM)
    assert baselines.in_force(version) == later
    assert baselines.for_manifest(version)["classes"] == {"7": 1}


def test_a_baseline_is_a_blob_of_its_own_that_names_itself(upload):
    baseline = baselines.create(upload(), statistics=STATISTICS, source="upload", actor=SYSTEM)
    with configured_store.blob_store().open(baseline.blob_id) as file:
        assert json.load(file) == {**STATISTICS, "id": str(baseline.pk)}


@pytest.mark.parametrize("text", ["\n\n", ""])
def test_a_baseline_without_records_is_refused(text, tmp_path):
    path = tmp_path / "baseline.jsonl"
    path.write_text(text)
    with pytest.raises(baselines.UnusableBaseline):
        baselines.read_statistics(path)


def test_a_line_that_is_no_record_is_refused(tmp_path):
    path = tmp_path / "baseline.jsonl"
    path.write_text("[]\n")
    with pytest.raises(UnreadableRecords):
        baselines.read_statistics(path)


def test_a_version_has_no_baseline_until_one_is_given(upload):
    version: ModelVersion = upload()
    assert baselines.in_force(version) is None
    assert baselines.for_manifest(version) is None
