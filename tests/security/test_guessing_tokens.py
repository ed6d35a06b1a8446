"""Nothing slowed the guessing of tokens and keys: 177 API tokens in a second."""

import base64
import socket
import time

import pytest

from core.guessing import wrong_secrets
from tests import fleet_rows

pytestmark = pytest.mark.django_db

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.9"


@pytest.fixture(autouse=True)
def _no_earlier_guesses():
    """Redis and this process know nothing of the guesses of other tests."""
    left = wrong_secrets.WINDOW_SECONDS - time.time() % wrong_secrets.WINDOW_SECONDS
    if left < 15:
        time.sleep(left)  # otherwise the window would end in the middle of the test
    client = wrong_secrets._client(wrong_secrets.settings.REDIS_URL)
    for key in client.scan_iter("wrong-secrets:*"):
        client.delete(key)
    wrong_secrets._over.clear()
    wrong_secrets._Circuit.closed_until = 0.0
    yield
    wrong_secrets._over.clear()
    wrong_secrets._Circuit.closed_until = 0.0


def ask(client, secret, *, address=HERE, **headers):
    return client.get("/api/models", HTTP_AUTHORIZATION=f"Bearer {secret}", REMOTE_ADDR=address, **headers)


def test_many_wrong_api_tokens_are_throttled(api):
    client = api()
    statuses = [ask(client, f"mf_{number}").status_code for number in range(140)]
    # A HyperLogLog is exact to about one percent.
    assert 95 <= statuses.count(401) <= 105
    assert statuses[-30:] == [429] * 30
    answer = ask(client, "mf_once more")
    assert answer.json()["code"] == "throttled"
    assert 0 < int(answer["Retry-After"]) <= wrong_secrets.WINDOW_SECONDS
    assert answer.json()["retry_after_seconds"] == int(answer["Retry-After"])


def test_over_the_limit_a_right_api_token_is_not_looked_up_either(api, django_assert_num_queries):
    good = api("viewer")._credentials["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    for number in range(120):
        ask(api(), f"mf_{number}")
    client = api()
    with django_assert_num_queries(0):
        assert ask(client, good).status_code == 429
    assert ask(client, good, address=ELSEWHERE).status_code == 200
    spoofed = ask(client, good, HTTP_X_FORWARDED_FOR=ELSEWHERE)
    assert spoofed.status_code == 429


def test_one_stale_token_a_thousand_times_locks_nobody_out(api):
    good = api("viewer")._credentials["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    client = api()
    assert {ask(client, "mf_stale").status_code for _ in range(1000)} == {401}
    assert ask(client, good).status_code == 200


def test_an_honest_caller_asks_redis_nothing(api, settings):
    client = api("viewer")
    device = fleet_rows.DeviceClient(api(), fleet_rows.make_device("edge-1"))
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert client.get("/api/models").status_code == 200
    assert device.poll().status_code == 204
    assert wrong_secrets._Circuit.closed_until == 0.0


@pytest.fixture
def device(api):
    fleet_rows.point("stable", fleet_rows.make_version("1.0.0"))
    return fleet_rows.DeviceClient(api(), fleet_rows.make_device("edge-1"))


DEVICE_CALLS = {
    "poll": lambda client, headers: client.get("/api/models/latest", {"device_id": "edge-1"}, **headers),
    "heartbeat": lambda client, headers: client.post("/api/devices/self/heartbeat", {}, format="json", **headers),
    "report": lambda client, headers: client.post("/api/devices/self/reports", {}, format="json", **headers),
    "ingest": lambda client, headers: client.post("/api/ingest", {}, format="json", **headers),
}


@pytest.mark.parametrize("call", DEVICE_CALLS)
def test_wrong_device_tokens_are_throttled_and_a_right_one_always_passes(api, device, call):
    ask_as = DEVICE_CALLS[call]
    client = api()
    for number in range(120):
        answer = ask_as(client, {"HTTP_AUTHORIZATION": f"Bearer mfd_{number}", "REMOTE_ADDR": HERE})
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert int(answer["Retry-After"]) > 0
    assert ask_as(client, {**device.headers, "REMOTE_ADDR": HERE}).status_code in {200, 400}
    assert ask_as(client, {"HTTP_AUTHORIZATION": "Bearer mfd_x", "REMOTE_ADDR": ELSEWHERE}).status_code == 401


def test_one_stale_device_token_counts_once_under_every_scheme_and_id(api, device):
    client = api()
    for number in range(130):
        basic = base64.b64encode(f"edge-{number}:mfd_stale".encode()).decode()
        for words in (f"Basic {basic}", "Bearer mfd_stale", f"bearer {' ' * number}mfd_stale"):
            answer = DEVICE_CALLS["poll"](client, {"HTTP_AUTHORIZATION": words, "REMOTE_ADDR": HERE})
            assert answer.status_code == 401


def test_revoked_devices_do_not_lock_out_the_api_tokens_of_their_site(api, device):
    for number in range(120):
        DEVICE_CALLS["poll"](api(), {"HTTP_AUTHORIZATION": f"Bearer mfd_{number}", "REMOTE_ADDR": HERE})
    assert api("viewer").get("/api/models", REMOTE_ADDR=HERE).status_code == 200


def enroll(client, secret, device_id="edge-9", *, address=HERE):
    body = {"device_id": device_id, "enrollment_key": secret, "target": "generic-cpu"}
    return client.post("/api/devices/enroll", body, format="json", REMOTE_ADDR=address)


def test_wrong_enrollment_keys_are_throttled(api, device):
    _, secret = fleet_rows.make_key(max_uses=5)
    client = api()
    assert {enroll(client, "mfe_old image").status_code for _ in range(150)} == {403}
    assert enroll(client, secret).status_code == 201
    statuses = [enroll(client, f"mfe_{number}").status_code for number in range(120)]
    assert statuses[:90] == [403] * 90
    assert statuses[-10:] == [429] * 10
    assert enroll(client, secret, "edge-10").json()["code"] == "throttled"
    assert enroll(client, secret, "edge-10", address=ELSEWHERE).status_code == 201


@pytest.mark.parametrize("fault", ["refuses", "is silent"])
def test_without_redis_nobody_is_throttled_and_nobody_waits(api, settings, caplog, fault):
    client, good = api(), api("viewer")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if fault == "is silent" else 1
        settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
        ask(client, "mf_warm-up", address=ELSEWHERE)
        wrong_secrets._Circuit.closed_until = 0.0
        began = time.monotonic()
        wrong_secrets.note(wrong_secrets.Secret.API_TOKEN, "mf_first", address=HERE)
        assert time.monotonic() - began < 0.5
        assert {ask(client, f"mf_{number}").status_code for number in range(150)} == {401}
        rests = (time.monotonic() - began) // wrong_secrets._REST_SECONDS
    # The warm-up, the first one, and one more after each rest.
    assert 2 <= caplog.text.count("wrong secrets are not counted") <= 2 + rests
    assert good.get("/api/models").status_code == 200
