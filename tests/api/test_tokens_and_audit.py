import pytest
from django.db import IntegrityError, connection, transaction

from core.models import ApiToken, AuditEntry

pytestmark = pytest.mark.django_db


def test_a_token_is_shown_once_and_stored_as_a_digest(api):
    answer = api("admin").post("/api/tokens", {"name": "ci", "role": "viewer"}, format="json")
    assert answer.status_code == 201
    secret = answer.json()["token"]
    assert ApiToken.objects.filter(name="ci", role="viewer").count() == 1
    assert secret not in str(list(ApiToken.objects.values()))
    assert secret not in api("admin").get("/api/tokens").content.decode()


def test_no_token_and_an_unknown_token_are_401_problems(api):
    for headers in ({}, {"HTTP_AUTHORIZATION": "Bearer mf_nothing"}):
        answer = api().get("/api/audit", **headers)
        assert answer.status_code == 401
        assert answer["Content-Type"] == "application/problem+json"
        assert "WWW-Authenticate" in answer


def test_a_revoked_token_opens_nothing(api):
    admin = api("admin")
    created = admin.post("/api/tokens", {"name": "ci", "role": "admin"}, format="json").json()
    program = api()
    program.credentials(HTTP_AUTHORIZATION=f"Bearer {created['token']}")
    assert program.get("/api/tokens").status_code == 200
    token_id = ApiToken.objects.get(name="ci").pk
    assert admin.delete(f"/api/tokens/{token_id}").status_code == 204
    answer = program.get("/api/tokens")
    assert (answer.status_code, answer.json()["code"]) == (401, "unknown_token")


@pytest.mark.parametrize("role", ["viewer", "ml_engineer", "operator"])
def test_only_admins_see_tokens_and_the_refusal_names_the_role(api, role):
    answer = api(role).get("/api/tokens")
    assert answer.status_code == 403
    assert answer.json()["required_roles"] == ["admin"]


def test_an_unknown_field_is_refused_by_name(api):
    answer = api("admin").post("/api/tokens", {"name": "ci", "role": "viewer", "nmae": "x"}, format="json")
    assert answer.status_code == 400
    assert [row["field"] for row in answer.json()["errors"]] == ["nmae"]


def test_an_unknown_route_below_api_is_a_problem(api):
    answer = api("admin").get("/api/nothing-here")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_audit_trail_names_who_did_what_and_pages_by_keyset(api):
    admin = api("admin")
    for number in range(3):
        admin.post("/api/tokens", {"name": f"t{number}", "role": "viewer"}, format="json")
    first = admin.get("/api/audit", {"limit": 2}).json()
    assert [row["after"]["name"] for row in first["results"]] == ["t2", "t1"]
    assert first["results"][0]["actor"] == "token:admin"
    second = admin.get("/api/audit", {"limit": 2, "cursor": first["next"]}).json()
    assert second["results"][0]["after"]["name"] == "t0"


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "x"},
        {"cursor": "%%%"},
        {"cursor": "e30"},
        {"cursor": "IngAi"},
        {"cursor": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"},
    ],
)
def test_a_bad_page_request_names_the_parameter(api, query):
    answer = api("admin").get("/api/audit", query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == next(iter(query))


def test_the_database_refuses_to_rewrite_the_trail(api):
    api("admin")
    for statement in ("UPDATE core_auditentry SET actor = 'x'", "DELETE FROM core_auditentry"):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert AuditEntry.objects.exists()
