"""The headers of the answers that reach no route, and where headers differ. ``test_authorization_matrix`` checks those of every route."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from django.test import Client

from config.http.answer import refuse
from config.web import headers
from config.web.files import make_application
from core.errors import Invalid
from tests import fleet_rows
from tests.security.expected_headers import ALWAYS, find_wrong

pytestmark = pytest.mark.django_db

OUTSIDE = ["/nothing", "/api/nothing", "/devices/%00", "/api/devices?search=%00"]


def check(answer):
    assert find_wrong(answer) == {}


@pytest.mark.parametrize("path", OUTSIDE)
def test_an_answer_that_reaches_no_view_has_the_headers(client, path):
    check(client.get(path))
    check(client.get(path, headers={"host": "evil.example"}))


def test_the_refusal_of_a_body_has_them():
    answer = refuse(Invalid("no"))
    check(dict(answer.headers))


def test_the_server_of_files_sends_them(tmp_path):
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


def test_no_policy_of_pages_lets_scripts_of_a_page_run():
    assert "unsafe" not in headers.PAGE_POLICY.replace("style-src 'self' 'unsafe-inline'", "")


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
