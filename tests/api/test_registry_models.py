import pytest

from core.actors import SYSTEM
from registry.versions import registered_models

pytestmark = pytest.mark.django_db


def test_a_model_is_created_shown_described_and_deleted(api):
    client = api("ml_engineer")
    answer = client.post("/api/models", {"model": "digits", "description": "handwriting"}, format="json")
    assert answer.status_code == 201
    assert api("viewer").get("/api/models/digits").json()["description"] == "handwriting"
    changed = client.patch("/api/models/digits", {"description": "numbers"}, format="json")
    assert (changed.status_code, changed.json()["description"]) == (200, "numbers")
    assert client.delete("/api/models/digits").status_code == 204
    assert client.get("/api/models/digits").json()["code"] == "unknown_model"


def test_a_taken_name_is_a_conflict(api):
    registered_models.create("digits", actor=SYSTEM)
    answer = api("admin").post("/api/models", {"model": "digits"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "model_exists")


@pytest.mark.parametrize(
    "body", [{}, {"model": "latest"}, {"model": "A b"}, {"model": "a", "name": "b"}, {"model": "a\0"}, []]
)
def test_a_malformed_model_is_400(api, body):
    answer = api("ml_engineer").post("/api/models", body, format="json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_other_roles_read_and_do_not_write(api, role):
    registered_models.create("digits", actor=SYSTEM)
    client = api(role)
    assert client.get("/api/models").status_code == 200
    for answer in (
        client.post("/api/models", {"model": "x"}, format="json"),
        client.patch("/api/models/digits", {"description": ""}, format="json"),
        client.delete("/api/models/digits"),
    ):
        assert answer.status_code == 403


def test_models_are_listed_by_name_in_pages(api):
    for name in ("c", "a", "b"):
        registered_models.create(name, actor=SYSTEM)
    page = api("viewer").get("/api/models", {"limit": 2}).json()
    assert [row["model"] for row in page["results"]] == ["a", "b"]
    rest = api("viewer").get("/api/models", {"limit": 2, "cursor": page["next"]}).json()
    assert [row["model"] for row in rest["results"]] == ["c"]


def test_a_name_with_a_null_character_is_not_found(api):
    assert api("viewer").get("/api/models/a%00b").status_code == 404


def test_targets_and_recipes_are_listed(api):
    targets = {row["target"]: row for row in api("viewer").get("/api/targets").json()["results"]}
    assert {"generic-cpu", "raspberry-pi-5", "jetson-orin-nano", "rk3588", "intel-n100"} <= set(targets)
    assert targets["rk3588"]["recipes"]
    assert "static-int8" in [row["recipe"] for row in api("viewer").get("/api/recipes").json()["results"]]
    assert api().get("/api/targets").status_code == 401


def test_signing_keys_are_open_to_everybody(api):
    (key,) = api().get("/api/signing-keys").json()["keys"]
    assert key["status"] == "current"
    assert key["pem"].startswith("-----BEGIN PUBLIC KEY-----")
    assert len(key["id"]) == 64
