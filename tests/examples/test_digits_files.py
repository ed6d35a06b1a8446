"""The committed files of the digits example are what its README and metrics.json say."""

import json
from collections import Counter

import images
import numpy as np
import onnx
import pytest
import recording

VERSIONS = ["1.0.0", "2.0.0"]


@pytest.fixture
def held_out(digits_folder):
    with np.load(digits_folder / "heldout.npz") as file:
        return images.from_levels(file["images"]), file["labels"]


@pytest.fixture
def metrics(digits_folder):
    versions = json.loads((digits_folder / "metrics.json").read_text())["versions"]
    return {entry["version"]: entry for entry in versions}


@pytest.fixture
def read_baseline(digits_folder):
    def read(version):
        lines = (digits_folder / f"baseline-{version}.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    return read


@pytest.mark.parametrize("version", VERSIONS)
def test_a_model_is_as_accurate_as_its_metrics_say(digits_folder, held_out, metrics, version):
    pictures, labels = held_out
    session = recording.open_session(digits_folder / f"digits-{version}.onnx")
    accuracy = recording.measure_accuracy(session, pictures=pictures, labels=labels)
    # Kernels of another processor may tip one image on the edge.
    assert accuracy == pytest.approx(metrics[version]["accuracy_held_out"], abs=1.5 / len(labels))


def test_the_second_version_is_the_better_one(metrics):
    assert metrics["2.0.0"]["accuracy_held_out"] >= 0.985 > metrics["1.0.0"]["accuracy_held_out"] >= 0.94


@pytest.mark.parametrize("version", VERSIONS)
def test_a_model_is_one_small_clean_file_with_a_free_batch_axis(digits_folder, version):
    path = digits_folder / f"digits-{version}.onnx"
    model = onnx.load(path, load_external_data=False)
    assert path.stat().st_size < 1_000_000
    assert model.opset_import[0].version >= 17
    assert not model.metadata_props
    assert [(port.name, _shape(port)) for port in (*model.graph.input, *model.graph.output)] == [
        ("image", ["N", 1, 8, 8]),
        ("logits", ["N", 10]),
    ]


def _shape(port):
    return [dim.dim_param or dim.dim_value for dim in port.type.tensor_type.shape.dim]


def test_calibration_samples_are_model_inputs_with_labels(digits_folder):
    with np.load(digits_folder / "calibration.npz") as file:
        assert sorted(file) == ["image", "labels"]
        assert file["image"].dtype == np.float32
        assert file["image"].shape[1:] == (1, 8, 8)
        assert len(file["image"]) == len(file["labels"]) >= 256
        assert file["labels"].dtype == np.int64
        assert file["image"].min() == 0.0
        assert file["image"].max() == 1.0


def test_no_held_out_image_was_calibrated_on(digits_folder, held_out):
    with np.load(digits_folder / "calibration.npz") as file:
        calibrated = {sample.tobytes() for sample in file["image"]}
    assert not calibrated & {picture.tobytes() for picture in held_out[0]}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_baseline_is_records_of_its_own_version(read_baseline, version):
    records = read_baseline(version)
    assert len(records) == 3000
    assert {(record["model_id"], record["model_version"]) for record in records} == {("digits", version)}
    assert all(0 <= record["class_id"] <= 9 and 0.1 <= record["confidence"] <= 1 for record in records)
    assert all(record["latency_ms"] > 0 for record in records)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_baseline_has_the_class_shares_of_the_data_set(read_baseline, held_out, version):
    answered = Counter(record["class_id"] for record in read_baseline(version))
    shown = Counter(held_out[1].tolist())
    assert recording.population_stability(answered, shown) < 0.02


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("view", "low", "high"), [(images.view_quietly, 0.0, 0.08), (images.view_drifted, 0.8, 10.0)])
def test_cameras_fit_the_baseline_until_they_drift(digits_folder, held_out, read_baseline, version, view, low, high):
    seen = recording.record_inferences(
        recording.open_session(digits_folder / f"digits-{version}.onnx"),
        version=version,
        pictures=held_out[0],
        view=view,
        count=500,
        rng=np.random.default_rng(6),
    )
    psi = recording.population_stability(recording.count_classes(read_baseline(version)), recording.count_classes(seen))
    assert low <= psi < high


def test_psi_is_the_textbook_sum():
    # (0.75 - 0.5) ln(0.75 / 0.5) + (0.25 - 0.5) ln(0.25 / 0.5)
    assert recording.population_stability({0: 50, 1: 50}, {0: 30, 1: 10}) == pytest.approx(0.27465307, abs=1e-8)
    assert recording.population_stability({0: 5, 1: 5}, {0: 10, 1: 10}) == 0.0
