"""An agent of version 0.2 reads both schemas, runs ONNX files, and refuses by name what it cannot run."""

import base64
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edge_agent import Runtime
from edge_agent.inference.session import Session
from edge_agent.installed import manifest as manifests
from edge_agent.installed.manifest import BadManifest
from edge_agent.version import __version__
from tests.agent import tiny_models
from tests.agent.observations import failure_of, running

FILE = tiny_models.classifier(5)
PROVIDER = {"name": "CPUExecutionProvider", "options": {"use_arena": False}}


@pytest.fixture
def publish_2(server):
    def publish_one(version: str, **changes):
        return server.publish(FILE, tiny_models.manifest_2(FILE, version=version, changes=changes))

    return publish_one


def read(**changes):
    return manifests.parse(json.dumps(tiny_models.manifest_2(FILE, version="1.0.0", changes=changes)).encode())


def test_fields_of_a_later_release_are_ignored():
    manifest = read()
    assert (manifest.version, manifest.threads, manifest.task.kind) == ("1.0.0", 1, "classification")
    assert not manifest.self_test.is_judged_by_task


def test_options_belong_to_their_provider():
    options = {"device_type": "NPU", "num_of_threads": 2}
    manifest = read(runtime={"providers": [{"name": "OpenVINOExecutionProvider", "options": options}, {"name": "CPU"}]})
    assert manifest.providers == ("OpenVINOExecutionProvider", "CPU")
    assert manifest.provider_options == {"OpenVINOExecutionProvider": options, "CPU": {}}


@pytest.mark.parametrize(
    "changes",
    [
        {"runtime": {"threads": 0}},
        {"runtime": {"threads": True}},
        {"runtime": {"providers": [{"options": {}}]}},
        {"runtime": {"providers": [{"name": "x", "options": [1]}]}},
        {"runtime": {"options": [1]}},
        {"task": [1]},
        {"task": {"kind": 7}},
        {"task": {"iou_threshold": "much"}},
        {"self_test": {"judge": 7}},
        {"schema": "modelfleet.manifest/3"},
    ],
)
def test_a_field_of_the_wrong_type_is_refused(changes):
    with pytest.raises(BadManifest):
        read(**changes)


def test_a_model_with_a_manifest_of_schema_2_is_installed_and_infers(server, start, publish_2, home):
    server.assign(publish_2("1.0.0"), policy={"probation_s": 0, "probation_inferences": 0})
    assert start().sync() == ["updated"]
    with Runtime(home=home) as runtime:
        assert runtime.infer(tiny_models.images(2)).model_version == "1.0.0"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"runtime": {"engine": "openvino"}}, "not onnx by openvino"),
        ({"file": {"format": "openvino-tar"}}, "not openvino-tar by onnxruntime"),
        ({"min_agent_version": "0.3.0"}, f"needs agent 0.3.0, this is {__version__}"),
    ],
)
def test_what_this_agent_cannot_run_is_refused_by_name(server, installed, publish_2, home, changes, words):
    answer = server.assign(publish_2("2.0.0", **changes))
    assert installed.sync() == ["failed"]
    assert failure_of(server, answer) == "incompatible"
    assert words in server.reports[-1]["detail"]["message"]
    assert running(home) == "1.0.0"


def test_outputs_that_mean_the_same_pass_where_the_task_judges(server, start, publish_2):
    wanted = tiny_models.manifest_2(FILE, version="1.0.0")["self_test"]["outputs"]["logits"]
    logits = np.frombuffer(base64.b64decode(wanted["data"]), dtype=np.float32).reshape(wanted["shape"])
    golden = {"outputs": {"logits": tiny_models.tensor(logits * 3)}}
    answer = server.assign(publish_2("1.0.0", self_test=golden))
    agent = start()
    assert agent.sync() == ["failed"]
    assert failure_of(server, answer) == "self_test_failed"
    server.assign(publish_2("1.0.1", self_test={**golden, "judge": "task"}))
    assert agent.sync() == ["updated"]


def test_outputs_that_mean_something_else_fail_where_the_task_judges(server, start, publish_2):
    shifted = {"outputs": {"logits": tiny_models.tensor(np.array([[9, 0, 0], [0, 9, 0]], dtype=np.float32))}}
    answer = server.assign(publish_2("1.0.0", self_test={**shifted, "judge": "task"}))
    assert start().sync() == ["failed"]
    assert "another class" in server.reports[-1]["detail"]["message"]
    assert failure_of(server, answer) == "self_test_failed"


def test_threads_and_options_of_providers_reach_the_session(monkeypatch):
    asked, manifest = {}, read(runtime={"providers": [{"name": "NotHere"}, PROVIDER], "threads": 3})

    class Spy(onnxruntime.InferenceSession):
        def __init__(self, model, settings, **keywords):
            asked.update(keywords, threads=settings.intra_op_num_threads)
            super().__init__(model, settings, **keywords)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Spy)
    Session.of(manifest, FILE)
    assert asked["threads"] == 3
    assert asked["providers"] == ["CPUExecutionProvider"]
    assert asked["provider_options"] == [{"use_arena": "False"}]


def test_the_agent_says_what_it_can_read_and_whom_it_trusts(server, installed):
    said = server.heartbeats[-1]["capabilities"]
    assert said["agent_version"] == __version__ == "0.2.0"
    assert (said["engines"], said["manifest_schemas"]) == (["onnxruntime"], [1, 2])
    assert len(said["pinned_keys"]) == 1
    assert len(bytes.fromhex(said["pinned_keys"][0])) == 32


def test_a_server_of_the_last_release_is_served_with_schema_1(installed, home):
    slot = Path(home) / "models" / "digits"
    current = json.loads((slot / "current.json").read_text())
    assert json.loads((slot / current["slot"] / "manifest.json").read_bytes())["schema"] == "modelfleet.manifest/1"
