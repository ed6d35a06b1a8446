import pytest

pytestmark = pytest.mark.django_db


def test_a_live_and_ready_server_says_so(client):
    assert client.get("/livez").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)


def test_a_lost_redis_makes_it_unready_and_names_no_address(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["redis"], answer["Retry-After"]) == (503, "unreachable", "5")
    assert "127.0.0.1" not in answer.content.decode()


def test_metrics_are_for_those_with_a_token(api):
    assert api().get("/metrics").status_code == 401
    text = api("viewer").get("/metrics").content.decode()
    assert "modelfleet_ingest_backlog_batches 0.0" in text


def test_only_trusted_proxies_are_believed(client, settings):
    from django.http import HttpRequest

    from config.web.middleware import trust_proxies

    seen = []
    settings.TRUSTED_PROXIES = ("10.0.0.0/8",)
    middleware = trust_proxies(
        lambda request: seen.append((request.META.get("HTTP_HOST"), request.META.get("wsgi.url_scheme")))
    )
    for peer in ("10.1.2.3", "192.0.2.1", "garbage"):
        request = HttpRequest()
        request.environ = {}
        request.META = {
            "REMOTE_ADDR": peer,
            "HTTP_HOST": "inside:8000",
            "HTTP_X_FORWARDED_HOST": "fleet.example",
            "HTTP_X_FORWARDED_PROTO": "https",
        }
        middleware(request)
    assert seen == [("fleet.example", "https"), ("inside:8000", None), ("inside:8000", None)]
