import hashlib
import json
import struct

import msgspec
import pytest

from registry.manifests import documents, parts, schema_1
from registry.names import InvalidName
from registry.version_numbers import InvalidVersionNumber

DIGEST = "0a" * 32


def make(**changes):
    image = parts.Tensor(dtype="float32", shape=[2, 1], data=struct.pack("<2f", 0.5, -1.5))
    logits = parts.Tensor(dtype="float32", shape=[2, 3], data=struct.pack("<6f", *range(6)))
    fields = {
        "model": "digits",
        "version": "1.2.0",
        "target": "raspberry-pi-5",
        "recipe": "static-int8",
        "recipe_digest": DIGEST,
        "file": parts.ModelFile(name="model.onnx", size=7, sha256=DIGEST, format="onnx"),
        "runtime": schema_1.Runtime(engine="onnxruntime", providers=["CPUExecutionProvider"]),
        "inputs": [parts.TensorSpec(name="image", dtype="float32", shape=["N", 1])],
        "outputs": [parts.TensorSpec(name="logits", dtype="float32", shape=["N", 3])],
        "labels": ["zéro", "one"],
        "self_test": parts.GoldenTest(
            inputs={"image": image},
            outputs={"logits": logits},
            absolute_tolerance=0.5,
            relative_tolerance=0.05,
            latency_budget_ms=250,
        ),
        "source": parts.Source(sha256=DIGEST, size=9),
        "min_agent_version": "0.1.0",
    }
    return schema_1.Manifest(**{**fields, **changes})


def test_the_bytes_are_canonical_json():
    data = documents.to_bytes(make())
    text = data.decode()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert json.loads(text)["schema"] == "modelfleet.manifest/1"
    assert "zéro" in text


def test_parsing_gives_back_the_same_manifest_and_the_same_bytes():
    data = documents.to_bytes(make())
    assert documents.to_bytes(documents.parse(data)) == data
    assert parts.digest(data) == hashlib.sha256(data).hexdigest()


def test_a_whole_number_where_a_fraction_belongs_does_not_change_the_digest():
    assert json.loads(documents.to_bytes(make()))["self_test"]["latency_budget_ms"] == 250.0
    assert b'"latency_budget_ms":250.0' in documents.to_bytes(make())


def test_arrays_travel_as_base64_of_little_endian_bytes():
    manifest = documents.parse(documents.to_bytes(make()))
    assert struct.unpack("<2f", manifest.self_test.inputs["image"].data) == (0.5, -1.5)


def replace_self_test(**changes):
    return make(self_test=msgspec.structs.replace(make().self_test, **changes))


def tensor(**changes):
    return msgspec.structs.replace(make().self_test.inputs["image"], **changes)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (make(recipe_digest="ABC"), "recipe_digest"),
        (make(source=parts.Source(sha256=DIGEST.upper(), size=9)), "source.sha256"),
        (make(source=parts.Source(sha256=DIGEST, size=0)), "size"),
        (make(runtime=schema_1.Runtime(engine="onnxruntime", providers=[])), "providers"),
        (make(model=7), "model"),
        (replace_self_test(absolute_tolerance=-1.0), "tolerance"),
        (replace_self_test(latency_budget_ms=0.0), "latency_budget_ms"),
        (replace_self_test(inputs={}), "self_test.inputs"),
        (replace_self_test(inputs={"image": tensor(), "other": tensor()}), "self_test.inputs"),
        (replace_self_test(inputs={"image": tensor(dtype="int8")}), "dtype"),
        (replace_self_test(inputs={"image": tensor(shape=[2, 2])}), "shape"),
        (replace_self_test(inputs={"image": tensor(shape=[-2, 1])}), "shape"),
        (replace_self_test(inputs={"image": tensor(data=b"1234567")}), "7 bytes"),
        (make(measurements={"agreement": float("nan")}), "JSON"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(manifest, message):
    with pytest.raises(parts.InvalidManifest, match=message):
        documents.to_bytes(manifest)


def test_names_and_versions_are_held_to_their_own_rules():
    with pytest.raises(InvalidName):
        documents.to_bytes(make(model="latest"))
    with pytest.raises(InvalidName):
        documents.to_bytes(make(file=parts.ModelFile(name="../model", size=7, sha256=DIGEST, format="onnx")))
    with pytest.raises(InvalidVersionNumber):
        documents.to_bytes(make(version="1.2"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda values: values.pop("source"),
        lambda values: values.update(surprise=1),
        lambda values: values.update(schema="modelfleet.manifest/2"),
        lambda values: values["file"].update(size="7"),
        lambda values: values["self_test"]["inputs"]["image"].update(data="%%%"),
    ],
)
def test_other_json_is_no_manifest(damage):
    values = json.loads(documents.to_bytes(make()))
    damage(values)
    with pytest.raises(parts.InvalidManifest):
        documents.parse(json.dumps(values).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_other_bytes_are_no_manifest(data):
    with pytest.raises(parts.InvalidManifest):
        documents.parse(data)
