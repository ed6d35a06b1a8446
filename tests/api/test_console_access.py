"""Who may see the console's pages, and who may act on them."""

import uuid

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.fleet_rows import make_device, make_version, point

pytestmark = pytest.mark.django_db

PAGES = ["/", "/enrollment-keys", "/models", "/rollouts", "/drift", "/alerts", "/models/digits", "/models/digits/1.0.0"]
FLEET_VERBS = [
    "/devices/edge-1/accept",
    "/devices/edge-1/revoke",
    "/devices/edge-1/pin",
    "/devices/edge-1/unpin",
    "/enrollment-keys/1/revoke",
    f"/rollouts/{uuid.UUID(int=1)}/start",
    "/models/digits/channels",
    "/alerts/1/acknowledge",
    "/alerts/1/resolve",
]
MODEL_VERBS = [
    "/models/digits/1.0.0/targets",
    "/models/digits/1.0.0/all-methods",
    "/models/digits/1.0.0/builds/1/cancel",
    "/models/digits/1.0.0/builds/1/retry",
    "/drift/baseline",
]
FLEET_FORMS = ["/enrollment-keys/new", "/rollouts/new"]


@pytest.fixture
def person(db):
    """``person("viewer")`` is a browser logged in as somebody of that role; None has no role."""

    def log_in(role):
        user = User.objects.create_user(f"a-{role}")
        if role:
            user.groups.add(Group.objects.get(name=role))
        browser = Client()
        browser.force_login(user)
        return browser

    return log_in


@pytest.fixture(autouse=True)
def _rows():
    point("stable", make_version("1.0.0"))
    make_device("edge-1")


@pytest.mark.parametrize("path", PAGES)
def test_every_role_reads_every_page(person, path):
    for role in ("viewer", "ml_engineer", "operator", "admin"):
        assert person(role).get(path, follow=True).status_code == 200, role


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_asked_to_log_in_and_people_without_a_role_are_refused(person, path):
    answer = Client().get(path)
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")
    assert person(None).get(path).status_code == 403


@pytest.mark.parametrize("path", FLEET_VERBS)
def test_verbs_of_the_fleet_need_an_operator(person, path):
    for role in ("viewer", "ml_engineer"):
        assert person(role).post(path).status_code == 403
    operator = person("operator")
    assert operator.get(path).status_code == 405
    assert operator.post(path).status_code == 302


@pytest.mark.parametrize("path", MODEL_VERBS)
def test_verbs_of_models_need_an_ml_engineer(person, path):
    for role in ("viewer", "operator"):
        assert person(role).post(path).status_code == 403
    assert person("ml_engineer").post(path).status_code == 302


@pytest.mark.parametrize("path", FLEET_FORMS)
def test_forms_of_the_fleet_need_an_operator(person, path):
    assert person("viewer").get(path).status_code == 403
    assert person("operator").get(path).status_code == 200


def test_buttons_are_there_for_those_who_may_and_a_hint_for_the_others(person):
    assert "Revoke…" in person("operator").get("/devices/edge-1").content.decode()
    page = person("viewer").get("/devices/edge-1").content.decode()
    assert "Revoke…" not in page
    assert "needs the role operator" in page


def test_verbs_are_protected_against_forged_requests(person):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.create_superuser("root"))
    answer = browser.post("/devices/edge-1/revoke")
    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()


@pytest.mark.parametrize(
    "path", ["/models/nope", "/models/digits/9.9.9", "/devices/nope", f"/rollouts/{uuid.UUID(int=7)}", "/alerts/7"]
)
def test_what_does_not_exist_is_a_page_that_says_so(person, path):
    answer = person("viewer").get(path)
    assert answer.status_code == 404
    assert "To the fleet" in answer.content.decode()


def test_text_that_no_database_keeps_is_refused(person):
    assert person("viewer").get("/?search=a%00b").status_code == 400


def test_an_unknown_verb_of_a_rollout_is_not_found(person):
    assert person("operator").post(f"/rollouts/{uuid.UUID(int=1)}/explode").status_code == 404


@pytest.mark.parametrize("path", [*PAGES, "/admin/", "/admin/login/"])
def test_pages_load_nothing_from_elsewhere_and_have_no_inline_scripts(person, path):
    answer = person("operator").get(path, follow=True)
    page = answer.content.decode()
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    inline = [tag for tag in page.split("<script")[1:] if "src=" not in tag.split(">")[0]]
    assert all('type="application/json"' in tag.split(">")[0] for tag in inline)
    assert "onclick=" not in page
    assert 'src="http' not in page


def test_logging_out_ends_the_session(person):
    browser = person("viewer")
    assert browser.post("/logout")["Location"] == "/admin/login/"
    assert browser.get("/").status_code == 302
