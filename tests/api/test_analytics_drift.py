from datetime import timedelta

import pytest
from django.utils import timezone

from tests.telemetry_rows import MODEL, VERSION, add_baseline, add_telemetry, add_version, records

pytestmark = pytest.mark.django_db
PATHS = ["/api/drift", "/api/drift/series", "/api/drift/devices"]
QUESTION = {"model": MODEL, "version": VERSION}


@pytest.fixture(autouse=True)
def _fixed_settings(settings):
    settings.ROLLUP_BUCKET = timedelta(hours=1)
    settings.DRIFT_OVERDISPERSION = 1.0


@pytest.fixture
def drifted():
    now = timezone.now()
    add_baseline(records({0: 500, 1: 500}))
    add_telemetry(records({0: 900, 1: 100}, at=now), device_id="edge-1", labels={"site": "osaka"}, received_at=now)
    add_telemetry(records({0: 500, 1: 500}, at=now), device_id="edge-2", target="rk3588", received_at=now)


def test_the_answer_has_the_promised_shape(api, drifted):
    answer = api("viewer").get("/api/drift", {**QUESTION, "window": "24h"})
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == [
        "model", "version", "as_of", "window", "baseline", "samples", "status", "psi_raw", "psi_adjusted", "p_value",
        "bins", "confidence", "latency", "features", "devices",
    ]  # fmt: skip
    assert list(body["window"]) == ["from", "to"]
    assert set(body["baseline"]) == {"id", "samples"}
    assert list(body["bins"][0]) == ["bin", "baseline", "current", "contribution"]
    assert set(body["devices"]) == {"total", "drifting", "worst"}
    assert (body["status"], body["samples"]) == ("watch", 2000)
    assert body["devices"]["worst"][0]["device_id"] == "edge-1"


@pytest.mark.parametrize(
    ("narrowing", "samples"),
    [({"target": "rk3588"}, 1000), ({"label": "site:osaka"}, 1000), ({"device_id": "edge-2"}, 1000), ({}, 2000)],
)
def test_one_filter_narrows_the_question(api, drifted, narrowing, samples):
    body = api("viewer").get("/api/drift", {**QUESTION, **narrowing}).json()
    assert body["samples"] == samples


def test_the_series_names_bounds_thresholds_and_noise(api, drifted):
    body = api("viewer").get("/api/drift/series", QUESTION).json()
    assert body["thresholds"] == {"watch": 0.1, "medium": 0.2, "high": 0.4}
    point = body["points"][0]
    assert set(point) == {"from", "to", "samples", "is_sufficient", "psi_raw", "psi_adjusted", "noise_band"}
    assert point["samples"] == 2000


def test_devices_are_paged_worst_first(api, drifted):
    first = api("viewer").get("/api/drift/devices", {**QUESTION, "limit": 1}).json()
    assert [row["device_id"] for row in first["results"]] == ["edge-1"]
    assert first["results"][0]["status"] == "high"
    second = api("viewer").get("/api/drift/devices", {**QUESTION, "limit": 1, "cursor": first["next"]}).json()
    assert [row["device_id"] for row in second["results"]] == ["edge-2"]
    assert second["next"] is None


@pytest.mark.parametrize("cursor", ["%%%", "e30", "WzFd", "WyJhIiwyLDNd"])
def test_a_cursor_of_another_make_is_refused_or_harmless(api, drifted, cursor):
    answer = api("viewer").get("/api/drift/devices", {**QUESTION, "cursor": cursor})
    assert answer.status_code in {200, 400}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"version": VERSION}, "model"),
        ({"model": MODEL}, "version"),
        ({**QUESTION, "window": "soon"}, "window"),
        ({**QUESTION, "window": "0s"}, "window"),
        ({**QUESTION, "label": "osaka"}, "label"),
        ({**QUESTION, "label": "site:osaka", "target": "rk3588"}, "label"),
        ({**QUESTION, "device_id": "a\0b"}, "device_id"),
        ({**QUESTION, "model": "a\0b"}, "model"),
        ({**QUESTION, "widnow": "1h"}, "widnow"),
    ],
)
def test_a_malformed_question_names_the_parameter(api, path, query, field):
    answer = api("viewer").get(path, query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("path", PATHS)
def test_nobody_and_an_unknown_version_are_refused(api, path):
    assert api().get(path, QUESTION).status_code == 401
    assert api("viewer").get(path, QUESTION).json()["code"] == "unknown_model"
    add_version()
    assert api("viewer").get(path, QUESTION).status_code == 200
    answer = api("viewer").get(path, {**QUESTION, "version": "9.9.9"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_version")


@pytest.mark.parametrize(("path", "queries"), [("/api/drift", 6), ("/api/drift/series", 4), ("/api/drift/devices", 5)])
def test_the_number_of_queries_does_not_grow_with_the_fleet(api, drifted, django_assert_num_queries, path, queries):
    viewer = api("viewer")
    now = timezone.now()
    for number in range(20):
        add_telemetry(records({0: 5}, at=now), device_id=f"more-{number}", received_at=now)
    with django_assert_num_queries(queries):
        viewer.get(path, QUESTION)
