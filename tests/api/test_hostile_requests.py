"""What no honest program sends: it is refused as a problem that says what and where, never a fault of the server."""

import base64
import io
import json

import pytest

from registry.models import ModelVersion
from tests import fleet_rows

pytestmark = pytest.mark.django_db

LISTS = (
    "/api/models",
    "/api/models/digits/versions",
    "/api/models/digits/channels",
    "/api/devices",
    "/api/enrollment-keys",
    "/api/rollouts",
    "/api/alerts",
    "/api/audit",
    "/api/tokens",
)
RANKED = "/api/drift/devices?model=digits&version=1.0.0"
TEXT_LISTS = {"/api/models", "/api/models/digits/channels", "/api/devices"}
CURSORS = {
    "NUL": '"\\u0000"',
    "half a surrogate pair": '"\\ud800"',
    "endless nesting": "[" * 20_000,
    "endless number": "9" * 5_000,
    "a number beyond int64": "9" * 30,
    "a list": "[1]",
    "an object": '{"a": 1}',
    "a year that UTC has not": '"9999-12-31T23:59:59-23:59"',
    "a year before the first": '"0001-01-01T00:00:00+23:59"',
}


@pytest.fixture
def admin(api):
    fleet_rows.point("stable", fleet_rows.make_version("1.0.0"))
    return api("admin")


def refusal(answer, *statuses):
    assert answer.status_code in (statuses or (400,)), answer.content[:300]
    assert answer["Content-Type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == answer.status_code
    assert {"type", "title", "detail", "code"} <= set(found)
    return found


@pytest.mark.parametrize(
    ("path", "name"),
    # Where rows are listed by name, a year is text like any other.
    [(path, name) for path in LISTS for name in CURSORS if path not in TEXT_LISTS or "year" not in name],
)
def test_a_made_up_cursor_is_refused(admin, path, name):
    answer = admin.get(path, {"cursor": base64.urlsafe_b64encode(CURSORS[name].encode()).decode()})
    assert refusal(answer)["errors"][0]["field"] == "cursor"


def test_a_cursor_without_end_is_refused_where_rows_are_ranked(admin):
    given = base64.urlsafe_b64encode(b"[" * 20_000).decode()
    assert refusal(admin.get(f"{RANKED}&cursor={given}"))["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize("path", [*LISTS, RANKED])
@pytest.mark.parametrize("limit", ["0", "501", "-1", "1.5", "٣", "9" * 5_000])
def test_a_limit_that_is_none_is_refused(admin, path, limit):
    answer = admin.get(f"{path}{'&' if '?' in path else '?'}limit={limit}")
    assert refusal(answer)["errors"][0]["field"] == "limit"


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("get", "/api/devices/%00"),
        ("patch", "/api/devices/a%00b"),
        ("post", "/api/devices/%00/revoke"),
        ("get", "/api/devices/%00/resolve"),
        ("post", "/api/models/%00/versions/1.0.0/baseline"),
        ("get", "/api/models/%00"),
    ],
)
def test_nothing_has_a_name_with_nul(admin, verb, path):
    refusal(getattr(admin, verb)(path, {}, format="json"), 404)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/audit?object_type=%00", "object_type"),
        ("/api/rollouts?model=a%00", "model"),
        ("/api/devices/edge-1/resolve?model=%00", "model"),
        ("/api/models/digits/versions/1.0.0/variants/generic-cpu/download?recipe=a%00b", "recipe"),
        ("/api/drift?model=%00&version=1.0.0", "model"),
        ("/api/devices?search=%00", "search"),
    ],
)
def test_nul_in_a_query_is_refused_by_the_parameter(admin, path, field):
    assert refusal(admin.get(path))["errors"][0]["field"] == field


def test_pages_have_no_fault_with_nul_either(client):
    assert client.get("/devices/%00").status_code == 404
    assert client.get("/?search=%00").status_code == 400


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000], ids=["lists", "objects"])
@pytest.mark.parametrize("path", ["/api/models", "/api/rollouts", "/api/devices/enroll", "/api/tokens"])
def test_json_without_end_is_refused(admin, path, text):
    assert "nested" in refusal(admin.post(path, text, content_type="application/json"))["detail"]


def test_a_body_larger_than_makes_sense_is_refused(admin):
    body = json.dumps({"model": "m", "description": "x" * 5_000_000})
    assert refusal(admin.post("/api/models", body, content_type="application/json"), 413)["code"] == "too_large"


def test_a_foreign_host_is_a_problem_below_api_and_a_page_elsewhere(client):
    refusal(client.get("/api/signing-keys", headers={"host": "evil.example"}))
    assert client.get("/", headers={"host": "evil.example"})["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("field", ["file", "version", "calibration", "baseline", "metadata"])
def test_a_part_that_comes_twice_is_refused_by_name(admin, field):
    """Which of the two would count is a guess; `targets` alone is repeatable."""
    parts = {"file": [io.BytesIO(b"x")], "version": ["1.0.0"], "targets": ["generic-cpu", "rk3588"]}
    parts[field] = ["{}", "{}"] if field in {"version", "metadata"} else [io.BytesIO(b"x"), io.BytesIO(b"y")]
    found = refusal(admin.post("/api/models/new/versions", parts, format="multipart"))
    assert [row["field"] for row in found["errors"]] == [field]
    assert not ModelVersion.objects.filter(model__slug="new").exists()


@pytest.mark.parametrize(
    "metadata",
    ['{"\\ud800":1}', '{"a":"\\ud800"}', '{"a":"\\u0000"}', '{"a":' + "[" * 900 + "]" * 900 + "}", '{"a":1e999}'],
    ids=["surrogate key", "surrogate", "NUL", "deep", "infinite"],
)
def test_metadata_that_cannot_be_kept_is_refused(admin, metadata):
    form = {"file": io.BytesIO(b"x"), "version": "1.0.0", "metadata": metadata}
    found = refusal(admin.post("/api/models/new/versions", form, format="multipart"))
    assert found["errors"][0]["field"] == "metadata"
