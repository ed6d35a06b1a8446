"""The secret of a new API token was readable in the cookie of messages. It is in one answer, and nowhere else."""

import logging
import re

import pytest
from django.contrib.sessions.models import Session

from core.models import ApiToken
from tests import fleet_rows

pytestmark = pytest.mark.django_db


def make_token_in_the_admin(browser):
    return browser.post("/admin/core/apitoken/add/", {"name": "ci", "role": "viewer"}, follow=True)


def make_enrollment_key(browser):
    body = {"name": "site", "max_uses": "1", "life": "24h", "mode": "accept", "channel": "stable"}
    return browser.post("/enrollment-keys/new", body, follow=True)


MAKERS = {"API token": (make_token_in_the_admin, "mf_"), "enrollment key": (make_enrollment_key, "mfe_")}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_secret_is_in_the_one_answer_only(person, caplog, kind):
    make, prefix = MAKERS[kind]
    browser = person("admin")
    with caplog.at_level(logging.DEBUG):
        answer = make(browser)
    assert answer.redirect_chain == []
    (secret,) = set(re.findall(rf"\b{prefix}[\w-]{{40,}}", answer.content.decode()))
    assert "no-store" in answer["Cache-Control"]
    for name, cookie in browser.cookies.items():
        assert secret not in str(cookie), name
        assert name != "messages", "a message would repeat it"
    assert all(secret not in str(session.get_decoded()) for session in Session.objects.all())
    assert secret not in caplog.text
    assert secret not in browser.get("/admin/").content.decode()


def test_the_token_works_and_a_look_at_the_page_makes_no_other(person, api):
    browser = person("admin")
    secret = re.search(r"\bmf_[\w-]{40,}", make_token_in_the_admin(browser).content.decode())[0]
    assert api().get("/api/models", HTTP_AUTHORIZATION=f"Bearer {secret}").status_code == 200
    shown = browser.get("/admin/core/apitoken/add/").content.decode()
    assert secret not in shown
    assert ApiToken.objects.count() == 1


def test_the_api_shows_secrets_in_no_address_and_no_cookie(api):
    admin = api("admin")
    fleet_rows.make_version("1.0.0")
    fleet_rows.make_device("edge-1")
    for path, body in (
        ("/api/tokens", {"name": "ci", "role": "viewer"}),
        ("/api/enrollment-keys", {"name": "site"}),
        ("/api/devices/edge-1/rotate-token", {}),
    ):
        answer = admin.post(path, body, format="json")
        assert answer.status_code in {200, 201}, path
        assert answer.get("Location", "") == ""
        assert not answer.cookies
