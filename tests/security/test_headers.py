"""The headers of every answer: every route, to a stranger and to an administrator, and the answers that reach no route."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.http.answer import refuse
from config.web import headers
from config.web.files import make_application
from core.errors import Invalid
from tests import fleet_rows
from tests.security.routes import list_routes

pytestmark = pytest.mark.django_db

ROUTES = {str(route): route for route in list_routes()}
NAMES = {
    "model": "digits", "version": "1.0.0", "target": "generic-cpu", "channel": "stable", "device_id": "edge-1", "key_id": 1,
    "rollout_id": "00000000-0000-4000-8000-000000000000", "alert_id": 1, "token_id": 1, "name": "start", "app_label": "auth",
    "url": "nothing/", "content_type_id": 1, "object_id": 1, "id": 1,
}  # fmt: skip
OUTSIDE = ["/nothing", "/api/nothing", "/devices/%00", "/api/devices?search=%00"]
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def check(answer):
    assert {name: answer.get(name) for name in ALWAYS} == ALWAYS
    policy = answer["Content-Security-Policy"]
    is_page = answer.get("Content-Type", "").startswith("text/html")
    assert policy == (headers.PAGE_POLICY if is_page else headers.DATA_POLICY)
    assert "unsafe" not in policy.replace("style-src 'self' 'unsafe-inline'", "")
    # The poll keeps its own: a device may keep the answer, and must ask again.
    kept = answer["Cache-Control"]
    assert "no-store" in kept or kept == "private, no-cache"


@pytest.fixture
def root(db):
    fleet_rows.point("stable", fleet_rows.make_version("1.0.0"))
    browser = Client()
    browser.force_login(User.objects.create_superuser("root"))
    return browser


@pytest.mark.parametrize("route", ROUTES)
def test_every_answer_has_the_headers(root, client, route):
    path = ROUTES[route].address(NAMES)
    for browser in (client, root):
        for method in ("get", "post"):
            check(getattr(browser, method)(path, {}, content_type="application/json"))


@pytest.mark.parametrize("path", OUTSIDE)
def test_so_has_an_answer_that_reaches_no_view(client, path):
    check(client.get(path))
    check(client.get(path, headers={"host": "evil.example"}))


def test_so_has_the_refusal_of_a_body(api):
    answer = refuse(Invalid("no"))
    check(dict(answer.headers))


def test_so_has_the_server_of_files(tmp_path):
    async def ask():
        transport = httpx.ASGITransport(app=make_application(tmp_path, secret=b"s"))
        async with httpx.AsyncClient(transport=transport, base_url="http://files") as files:
            return [await files.get("/livez"), await files.get("/nothing"), await files.put("/livez")]

    for answer in asyncio.run(ask()):
        check(answer.headers)


def test_a_poll_and_its_304_keep_their_own_caching(api):
    fleet_rows.point("stable", fleet_rows.make_version("1.0.0"))
    device = fleet_rows.DeviceClient(api(), fleet_rows.make_device("edge-1"))
    assert [device.poll()["Cache-Control"] for _ in range(2)] == ["private, no-cache"] * 2


def test_no_page_with_a_secret_is_kept(root):
    form = {"name": "k", "max_uses": 1, "life": "1h", "mode": "accept", "labels": ""}
    answer = root.post("/enrollment-keys/new", form)
    assert "mfe_" in answer.content.decode() or "Copy" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


def test_static_files_have_them_too_and_may_be_kept(client):
    answer = client.get("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css")
    assert {name: answer.get(name) for name in ALWAYS} == ALWAYS
    assert "no-store" not in answer["Cache-Control"]
    answer.close()


def test_https_is_kept_to(client, settings):
    assert "Strict-Transport-Security" not in client.get("/livez")
    settings.SECURE_HSTS_SECONDS = 31_536_000
    assert Client().get("/livez")["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://fleet.example", "31536000 True __Host-sessionid __Host-csrftoken Lax"),
        ("http://fleet.example", "0 False sessionid csrftoken Lax"),
    ],
)
def test_an_https_address_switches_on_hsts_and_cookies_of_this_host(tmp_path, address, found):
    names = "SECURE_HSTS_SECONDS SESSION_COOKIE_SECURE SESSION_COOKIE_NAME CSRF_COOKIE_NAME SESSION_COOKIE_SAMESITE"
    shown = ", ".join(f"settings.{name}" for name in names.split())
    code = f"import config.settings, django.conf; settings = django.conf.settings; print({shown})"
    environ = {
        **os.environ,
        "PUBLIC_URL": address,
        "MODELFLEET_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    done = subprocess.run([sys.executable, "-c", code], env=environ, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.split("\n")[-2] == found
