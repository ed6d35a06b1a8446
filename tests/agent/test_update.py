"""The update: what is taken, what is refused, and what runs afterward."""

import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import edge_agent
from edge_agent.installed import pointer as pointers
from edge_agent.server.failures import ServerTrouble
from tests.agent import tiny_models
from tests.agent.observations import failure_of, running
from tests.simulator.edge_server import NO_PROBATION


def test_a_new_device_enrolls_installs_reports_and_infers(server, start, publish, home):
    release = publish("1.0.0")
    server.assign(release)

    assert start().sync() == ["updated"]

    assert server.states() == ["downloading", "verified", "self_tested", "activated"]
    assert server.reports[-1]["active_providers"] == ["CPUExecutionProvider"]
    assert [report["seq"] for report in server.reports] == [1, 2, 3, 4]
    assert server.heartbeats[-1]["running"] == [{"model": "digits", "version": "1.0.0", "sha256": release.sha256}]
    with edge_agent.Runtime(home=home) as runtime:
        result = runtime.infer(tiny_models.images(1)[0])
    assert result.model_version == "1.0.0"
    assert 0 < result.confidence <= 1


def test_the_same_answer_is_asked_for_by_its_etag_and_done_once(server, installed):
    assert installed.sync() == ["up_to_date"]

    polls = [request for request in server.requests if request.path == "/api/models/latest"]
    assert "If-None-Match" not in polls[0].headers
    assert "If-None-Match" in polls[1].headers
    assert len([path for path in server.paths() if path.endswith("/file")]) == 1


def test_nothing_assigned_is_no_failure(server, start):
    assert start().sync() == ["nothing assigned"]


def test_an_update_and_the_way_back_keep_both_slots(server, installed, publish, home):
    server.assign(publish("2.0.0"), policy=NO_PROBATION)
    assert installed.sync() == ["updated"]
    assert running(home) == "2.0.0"

    server.assign(publish("1.0.0"), policy=NO_PROBATION)
    assert installed.sync() == ["updated"]

    assert running(home) == "1.0.0"
    assert server.states()[-1] == "confirmed"
    fetched = [path for path in server.paths() if path.endswith("/file")]
    assert fetched == ["/files/digits-1.0.0/file", "/files/digits-2.0.0/file"]


def test_another_attempt_at_what_runs_confirms_without_a_download(server, installed, publish):
    answer = server.assign(publish("1.0.0"), policy={"probation_s": 300, "probation_inferences": 50})

    assert installed.sync() == ["up_to_date"]

    assert server.states(answer["assignment"]["attempt_id"]) == ["activated", "confirmed"]
    assert server.reports[-1]["active_providers"] == ["CPUExecutionProvider"]
    assert len([path for path in server.paths() if path.endswith("/file")]) == 1


REFUSED = {
    "file corrupted for good": (
        {},
        lambda s: s.fail("/files/digits-2.0.0/file", "corrupt", times=9),
        "checksum_mismatch",
    ),
    "manifest of another digest": (
        {},
        lambda s: s.files.update({"digits-2.0.0/manifest": s.files["digits-2.0.0/manifest"] + b" "}),
        "manifest_invalid",
    ),
    "signature of other files": (
        {},
        lambda s: s.files.update({"digits-2.0.0/signature": s.files["digits-1.0.0/signature"]}),
        "signature_invalid",
    ),
    "signature cut off": ({}, lambda s: s.files.update({"digits-2.0.0/signature": b"{"}), "signature_invalid"),
    "manifest of another model": ({"model": "letters"}, None, "manifest_invalid"),
    "manifest of another version": ({"version": "2.0.1"}, None, "manifest_invalid"),
    "manifest of another target": ({"target": "rk3588"}, None, "manifest_invalid"),
    "manifest of another schema": ({"schema": "modelfleet.manifest/9"}, None, "manifest_invalid"),
    "manifest without a self-test": ({"self_test": {"inputs": {}}, "outputs": None}, None, "manifest_invalid"),
    "a newer agent is needed": ({"min_agent_version": "99.0.0"}, None, "incompatible"),
    "another engine": ({"runtime": {"engine": "tflite"}}, None, "incompatible"),
    "no provider of it is here": ({"runtime": {"providers": ["NoSuchExecutionProvider"]}}, None, "incompatible"),
    "slower than its budget": ({"self_test": {"latency_budget_ms": 0.0}}, None, "latency_budget"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_hold_is_refused_and_the_last_good_model_stays(server, installed, publish, home, name):
    changes, break_it, failure = REFUSED[name]
    release = publish("2.0.0")
    if changes:
        file = release.file
        document = {**json.loads(release.manifest)}
        for field, value in changes.items():
            document[field] = {**document[field], **value} if isinstance(value, dict) else value
        changed = server.publish(file, {**document, "model": "digits", "version": "2.0.0"})
        content = json.dumps(document).encode()
        digests = {"manifest.json": hashlib.sha256(content).hexdigest(), "model.onnx": changed.sha256}
        server.files["digits-2.0.0/manifest"] = content
        server.files["digits-2.0.0/signature"] = server.sign(digests)
        answer = server.assign(changed, manifest_sha256=digests["manifest.json"], target="generic-cpu")
    else:
        answer = server.assign(release)
    if break_it:
        break_it(server)

    assert installed.sync() == ["failed"]

    assert failure_of(server, answer) == failure
    assert running(home) == "1.0.0"


def test_a_signature_by_an_unknown_key_is_refused_before_a_byte_of_the_model_is_fetched(
    server, installed, publish, home
):
    answer = server.assign(publish("2.0.0", key=ec.generate_private_key(ec.SECP256R1())))

    assert installed.sync() == ["failed"]

    assert failure_of(server, answer) == "signature_invalid"
    assert "/files/digits-2.0.0/file" not in server.paths()
    assert running(home) == "1.0.0"


def test_keys_pinned_by_a_setting_count_instead_of_the_enrolled_ones(server, start, publish, tmp_path):
    (tmp_path / "key.pem").write_text(server.public_pem)
    other = ec.generate_private_key(ec.SECP256R1())
    server.assign(publish("1.0.0"))
    assert start(verify_keys=(tmp_path / "key.pem",)).sync() == ["updated"]

    server.assign(publish("2.0.0", key=other))
    assert start(verify_keys=(tmp_path / "key.pem",)).sync() == ["failed"]


def test_a_failed_attempt_is_not_tried_again_but_a_new_one_is(server, installed, publish, home):
    release = publish("2.0.0")
    server.assign(release)
    server.fail("/files/digits-2.0.0/file", "corrupt", times=2)
    assert installed.sync() == ["failed"]
    before = len(server.paths())

    installed._etags.clear()
    assert installed.sync() == ["kept"]
    assert not [path for path in server.paths()[before:] if path.startswith("/files/")]

    server.assign(release)
    assert installed.sync() == ["updated"]
    assert running(home) == "2.0.0"


def test_a_lower_release_counter_is_refused_and_an_equal_one_is_fine(server, installed, publish):
    server.assign(publish("2.0.0"), assignment={"release_counter": 40}, policy=NO_PROBATION)
    assert installed.sync() == ["updated"]

    answer = server.assign(publish("3.0.0"), assignment={"release_counter": 39})
    assert installed.sync() == ["failed"]
    assert failure_of(server, answer) == "downgrade"

    server.assign(publish("1.0.0"), assignment={"release_counter": 40})
    assert installed.sync() == ["updated"]


def test_a_raised_counter_of_the_same_attempt_is_remembered(server, installed, publish):
    server.assignments["digits"]["assignment"]["release_counter"] = 70
    installed._etags.clear()
    installed.sync()

    answer = server.assign(publish("2.0.0"), assignment={"release_counter": 69})
    assert installed.sync() == ["failed"]
    assert failure_of(server, answer) == "downgrade"


@pytest.mark.parametrize("filename", ["../model.onnx", "/etc/passwd", "a/b.onnx", "manifest.json", ".hidden", ""])
def test_a_filename_that_is_no_plain_name_is_refused(server, installed, publish, home, filename):
    server.assign(publish("2.0.0"), filename=filename)

    with pytest.raises(ServerTrouble, match="filename"):
        installed.sync()

    assert running(home) == "1.0.0"


def test_a_model_over_the_limit_is_refused_unseen(server, start, publish):
    answer = server.assign(publish("1.0.0"))

    assert start(max_model_bytes=100).sync() == ["failed"]

    assert failure_of(server, answer) == "too_large"
    assert "/files/digits-1.0.0/file" not in server.paths()


def test_a_disk_without_room_is_refused_before_the_download(server, start, publish):
    answer = server.assign(publish("1.0.0"))

    assert start(min_free_bytes=2**60).sync() == ["failed"]

    assert failure_of(server, answer) == "disk_full"
    assert "/files/digits-1.0.0/file" not in server.paths()


def test_a_damaged_current_slot_is_left_for_the_previous_one_and_fetched_again(server, installed, start, publish, home):
    server.assign(publish("2.0.0"), policy=NO_PROBATION)
    installed.sync()
    folder = home / "models" / "digits"
    (folder / pointers.read(folder).slot / "model.onnx").write_bytes(b"bit rot")

    agent = start()
    assert running(home) == "1.0.0"
    agent.sync()

    assert running(home) == "2.0.0"


def test_two_models_live_side_by_side(server, start, publish, home):
    server.assign(publish("1.0.0"))
    server.assign(publish("7.0.0", model="letters"))

    assert start(models=("digits", "letters")).sync() == ["updated", "updated"]

    with edge_agent.Runtime("letters", home=home) as runtime:
        assert runtime.infer(tiny_models.images(1)[0]).model_version == "7.0.0"
    assert running(home) == "1.0.0"


def test_reports_that_did_not_get_through_are_sent_after_a_restart(server, start, publish):
    server.assign(publish("1.0.0"))
    server.fail("/api/devices/self/reports", "status", 503, times=100)
    agent = start()
    with pytest.raises(ServerTrouble):
        agent.sync()
    agent.close()
    assert server.reports == []

    server.faults.clear()
    start().sync()

    assert [report["seq"] for report in server.reports] == [1, 2, 3, 4]
    assert server.states() == ["downloading", "verified", "self_tested", "activated"]


def test_a_report_whose_answer_was_lost_is_sent_again_unchanged(server, start, publish):
    server.assign(publish("1.0.0"))
    agent = start()
    agent.poll(None)
    server.fail("/api/devices/self/reports", "answer_lost")
    with pytest.raises(ServerTrouble):
        agent.sync()
    agent.sync()

    assert len(server.reports) == len({report["seq"] for report in server.reports}) + 1
    assert server.states() == ["downloading", "verified", "self_tested", "activated"]


def test_no_token_is_sent_to_the_file_server_or_put_into_an_address_or_a_log(server, start, publish, home, caplog):
    caplog.set_level("DEBUG", logger="edge_agent")
    server.assign(publish("1.0.0"))
    start().sync()

    token = json.loads((home / "identity.json").read_text())["token"]
    for request in server.requests:
        if request.path.startswith("/files/"):
            assert "Authorization" not in request.headers
        assert token not in request.path + str(request.query)
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("edge_agent"))
    assert token not in logged
    assert "signature=secret" not in logged


def test_a_redirect_is_not_followed(server, start, publish):
    agent = start()
    server.fail("/api/models/latest", "status", 302, Location="http://127.0.0.1:1/elsewhere")

    with pytest.raises(edge_agent.errors.AgentError, match="redirect"):
        agent.sync()
