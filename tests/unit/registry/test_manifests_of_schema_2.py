"""Schema 2 of the manifest, and what schema 1 can say of the same variant."""

import json
import struct

import msgspec
import pytest

from registry.manifests import documents, parts, schema_1, schema_2
from registry.manifests.schema_2 import Member, Provider, Quality, Runtime, SelfTest
from registry.names import InvalidName

DIGEST = "0a" * 32
CPU = Provider(name="CPUExecutionProvider")
STEPS = [{"op": "resize", "size": [224, 224], "mode": "bilinear"}, {"op": "normalize", "mean": [0.5], "std": [0.5]}]


def make(**changes):
    image = parts.Tensor(dtype="float32", shape=[2, 1], data=struct.pack("<2f", 0.5, -1.5))
    logits = parts.Tensor(dtype="float32", shape=[2, 3], data=struct.pack("<6f", *range(6)))
    fields = {
        "model": "digits",
        "version": "1.2.0",
        "target": "raspberry-pi-5",
        "preset": "balanced",
        "recipe": "static-int8",
        "recipe_digest": DIGEST,
        "file": parts.ModelFile(name="model.onnx", size=7, sha256=DIGEST, format="onnx"),
        "runtime": Runtime(engine="onnxruntime", providers=[CPU], threads=4, max_opset=21),
        "inputs": [parts.TensorSpec(name="image", dtype="float32", shape=["N", 1])],
        "outputs": [parts.TensorSpec(name="logits", dtype="float32", shape=["N", 3])],
        "task": {"kind": "classification", "scores": "logits"},
        "preprocessing": STEPS,
        "self_test": SelfTest(
            inputs={"image": image},
            outputs={"logits": logits},
            absolute_tolerance=0.5,
            relative_tolerance=0.05,
            latency_budget_ms=250,
        ),
        "source": parts.Source(sha256=DIGEST, size=9),
        "quality": Quality(judged_on="evaluation", metrics={"agreement": 0.99}, warnings=["Few samples."]),
    }
    return schema_2.Manifest(**{**fields, **changes})


def replaced(name: str, **changes):
    return make(**{name: msgspec.structs.replace(getattr(make(), name), **changes)})


def test_the_bytes_are_canonical_and_say_everything():
    data = documents.to_bytes(make())
    values = json.loads(data)
    assert data.decode() == json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert values["schema"] == "modelfleet.manifest/2"
    assert values["runtime"] == {
        "engine": "onnxruntime",
        "providers": [{"name": "CPUExecutionProvider", "options": {}}],
        "threads": 4,
        "options": {},
        "max_opset": 21,
    }
    assert (values["members"], values["self_test"]["judge"], values["self_test"]["memory_budget_bytes"]) == (
        [],
        "elementwise",
        None,
    )
    assert values["quality"]["judged_on"] == "evaluation"
    assert values["min_agent_version"] == "0.2.0"


def test_parsing_gives_back_the_same_manifest_and_the_same_bytes():
    data = documents.to_bytes(make())
    assert isinstance(documents.parse(data), schema_2.Manifest)
    assert documents.to_bytes(documents.parse(data)) == data


TAR = parts.ModelFile(name="model.tar", size=7, sha256=DIGEST, format="openvino-tar")
OPENVINO = Runtime(engine="openvino", providers=[Provider(name="CPU")])
MEMBER = Member(name="model.xml", size=3, sha256=DIGEST)


def test_a_tar_lists_its_members():
    assert documents.to_bytes(make(file=TAR, runtime=OPENVINO, members=[MEMBER]))


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (make(recipe_digest="ABC"), "recipe_digest"),
        (make(task={}), "task.kind"),
        (make(baseline=schema_2.Baseline(sha256="x", bins_id="b1")), "baseline.sha256"),
        (make(file=TAR, members=[MEMBER]), "engine"),
        (make(file=TAR, runtime=OPENVINO), "members"),
        (make(members=[MEMBER]), "members"),
        (make(file=TAR, runtime=OPENVINO, members=[MEMBER, MEMBER]), "once"),
        (make(file=TAR, runtime=OPENVINO, members=[msgspec.structs.replace(MEMBER, sha256="x")]), "members.model.xml"),
        (replaced("file", format="unheard-of"), "unheard-of"),
        (replaced("runtime", providers=[]), "providers"),
        (replaced("runtime", providers=[CPU, CPU]), "twice"),
        (replaced("runtime", threads=0), "threads"),
        (replaced("runtime", max_opset=0), "max_opset"),
        (replaced("self_test", judge="by eye"), "judge"),
        (replaced("self_test", memory_budget_bytes=0), "memory_budget_bytes"),
        (replaced("self_test", inputs={}), "self_test.inputs"),
        (replaced("self_test", latency_budget_ms=float("inf")), "latency_budget_ms"),
        (replaced("quality", judged_on="hope"), "judged_on"),
    ],
)
def test_the_writer_refuses_its_own_mistakes(manifest, message):
    with pytest.raises(parts.InvalidManifest, match=message):
        documents.to_bytes(manifest)


def test_a_members_name_leads_nowhere_else():
    with pytest.raises(InvalidName):
        documents.to_bytes(make(file=TAR, runtime=OPENVINO, members=[msgspec.structs.replace(MEMBER, name="../x")]))


def test_schema_1_says_the_same_to_older_agents():
    older = schema_2.to_schema_1(make())
    values = json.loads(documents.to_bytes(older))
    assert values["schema"] == "modelfleet.manifest/1"
    assert values["runtime"] == {
        "engine": "onnxruntime",
        "providers": ["CPUExecutionProvider"],
        "options": {"intra_op_num_threads": 4},
    }
    assert values["preprocessing"] == {"steps": STEPS}
    assert values["min_agent_version"] == "0.1.0"
    newer = json.loads(documents.to_bytes(make()))
    same = set(values) - {"schema", "runtime", "preprocessing", "self_test", "min_agent_version"}
    assert {name: values[name] for name in same} == {name: newer[name] for name in same}
    assert set(values["self_test"]) == set(newer["self_test"]) - {"judge", "memory_budget_bytes"}


def test_the_baseline_is_named_by_its_digest_and_older_agents_get_its_statistics():
    named = make(baseline=schema_2.Baseline(sha256=DIGEST, bins_id="b1"))
    assert json.loads(documents.to_bytes(named))["baseline"] == {"sha256": DIGEST, "bins_id": "b1"}
    older = schema_2.to_schema_1(named, baseline={"samples": 7})
    assert json.loads(documents.to_bytes(older))["baseline"] == {"samples": 7}


def test_older_agents_run_providers_without_their_options():
    provider = Provider(name="OpenVINOExecutionProvider", options={"num_of_threads": 4})
    older = schema_2.to_schema_1(replaced("runtime", providers=[provider, CPU]))
    assert older.runtime.providers == ["OpenVINOExecutionProvider", "CPUExecutionProvider"]


def test_free_preprocessing_of_an_older_upload_stays_as_it_is_in_both():
    notes = make(preprocessing={"mean": 0.5})
    assert schema_2.to_schema_1(notes).preprocessing == notes.preprocessing == {"mean": 0.5}
    assert schema_2.to_schema_1(make(preprocessing=[])).preprocessing == {}


@pytest.mark.parametrize(
    "manifest",
    [
        make(file=TAR, runtime=OPENVINO, members=[MEMBER]),
        replaced("self_test", judge="task"),
    ],
)
def test_schema_1_has_no_words_for_what_decides_how_the_variant_runs(manifest):
    documents.to_bytes(manifest)
    assert schema_2.to_schema_1(manifest) is None


def test_a_manifest_of_schema_1_is_read_as_one():
    data = documents.to_bytes(schema_2.to_schema_1(make()))
    assert isinstance(documents.parse(data), schema_1.Manifest)
