"""Enrollment: the identity is asked for once, kept privately, and not lost."""

import json
import re
import stat

import pytest

from edge_agent.enrollment import AwaitingAcceptance, NotEnrolled
from edge_agent.server.failures import Forbidden, ServerBroken, ServerRefusal, Unreachable
from edge_agent.setting_kinds import BadSetting
from tests.agent.failing_disks import Loss, PowerCutDisk, leave


def test_the_identity_is_private_pinned_and_kept_over_restarts(server, start, home):
    start().close()
    start()

    path = home / "identity.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = json.loads(path.read_text())
    assert document["signing_keys"] == [server.public_pem]
    assert document["token"] in server.tokens
    assert server.paths().count("/api/devices/enroll") == 1


def test_what_is_sent_is_what_the_contract_says(server, start):
    start(target="raspberry-pi-5", labels={"site": "osaka"})

    fields = {"device_id", "enrollment_key", "target", "labels", "capabilities", "nonce"}
    assert server.enrollments[0].keys() == fields
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", server.enrollments[0]["nonce"])
    assert server.enrollments[0]["labels"] == {"site": "osaka"}
    assert server.enrollments[0]["capabilities"]["ram_bytes"] > 0


def test_a_device_under_review_waits(server, start, home):
    server.is_review = True
    with pytest.raises(AwaitingAcceptance):
        start()
    assert not (home / "identity.json").exists()

    server.is_review = False
    start()


def test_a_lost_answer_is_asked_for_again_by_the_same_request(server, start):
    server.fail("/api/devices/enroll", "answer_lost")
    with pytest.raises(Unreachable):
        start()

    start()

    assert server.enrollments[0] == server.enrollments[1]


def test_the_nonce_is_on_the_disk_before_it_is_sent_and_no_power_cut_loses_it(server, start, home, tmp_path):
    server.fail("/api/devices/enroll", "answer_lost")
    disk = PowerCutDisk(home)
    with pytest.raises(Unreachable):
        start(disk=disk)
    sent = server.enrollments[0]["nonce"]

    # Nothing was written since the request, so these are what a cut at that moment leaves.
    disk.finish()
    for place, remains in enumerate(disk.remains[-len(Loss) :]):
        leave(tmp_path / f"cut-{place}", remains_of(remains, home))
        start(home=tmp_path / f"cut-{place}").close()

    assert [asked["nonce"] for asked in server.enrollments] == [sent] * (1 + len(Loss))


def remains_of(remains, home):
    return {path.relative_to(home): content for path, content in remains.items()}


def test_the_nonce_is_private_while_it_is_needed_and_then_removed(server, start, home):
    server.is_review = True
    with pytest.raises(AwaitingAcceptance):
        start()
    kept = home / "enrollment.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text()) == {"device_id": "edge-1", "nonce": server.enrollments[0]["nonce"]}

    server.is_review = False
    start()
    assert not kept.exists()


def test_a_nonce_of_another_device_is_not_sent(server, start):
    server.is_review = True
    for device_id in ("edge-1", "edge-2"):
        with pytest.raises(AwaitingAcceptance):
            start(device_id=device_id)

    assert len({asked["nonce"] for asked in server.enrollments}) == 2


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"{}", b'{"device_id": "edge-1", "nonce": 5}', b"\xff\xfe"]
)
def test_a_nonce_that_cannot_be_read_is_made_anew(server, start, home, content):
    home.mkdir()
    (home / "enrollment.json").write_bytes(content)

    start()

    assert len(server.enrollments[0]["nonce"]) == 43


def test_a_lost_nonce_is_refused_and_the_refusal_is_said(server, start, home):
    server.fail("/api/devices/enroll", "answer_lost")
    with pytest.raises(Unreachable):
        start()
    (home / "enrollment.json").unlink()

    with pytest.raises(ServerRefusal, match="already_enrolled"):
        start()


def test_a_bad_key_is_said(server, start):
    with pytest.raises(Forbidden, match="bad_enrollment_key"):
        start(enrollment_key="wrong")


def test_without_a_key_there_is_nothing_to_do(start):
    with pytest.raises(NotEnrolled, match="enrollment_key"):
        start(enrollment_key=None)


def test_a_home_of_another_device_is_refused(start):
    start().close()

    with pytest.raises(BadSetting, match="belongs to 'edge-1'"):
        start(device_id="edge-2")


@pytest.mark.parametrize("answer", [{"token": None}, {"token": "two\nlines"}, {"signing_keys": "key"}])
def test_a_senseless_answer_is_no_identity(server, start, home, answer):
    server.fail("/api/devices/enroll", "body", answer)

    with pytest.raises(ServerBroken):
        start()

    assert not (home / "identity.json").exists()


def test_neither_key_nor_token_is_shown(settings, start):
    agent = start()

    assert settings.enrollment_key not in repr(settings)
    assert agent._identity.token not in repr(agent._identity)
