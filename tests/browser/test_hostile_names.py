"""The longest names and values that a device may send widen no page, and the browser runs nothing of them."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import NAME, PASSWORD, SETTINGS
from tests.browser.test_main_walk import assert_no_sideways_scroll
from tests.running_server import RunningServer

MAKE = """
from django.conf import settings
from rest_framework.test import APIClient
from core import tokens
from core.actors import SYSTEM
from core.roles import Role
from tests.security import hostile_fleet

settings.ALLOWED_HOSTS = ["testserver"]

def api(role=None):
    client = APIClient()
    if role:
        token = tokens.create(role, role=Role(role), actor=SYSTEM)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client

hostile_fleet.make(api)
"""
# Each page, and where a page is of one row, the text of the link that leads from it to that row.
PAGES = {
    "/": None,
    "/devices/items": None,
    f"/devices/{'L' * 128}": None,
    "/enrollment-keys": None,
    "/enrollment-keys/new": None,
    "/rollouts": "items/stable",
    "/rollouts/new?model=items": None,
    "/models": None,
    "/models/items": None,
    "/models/items/1.0.0": None,
    "/drift?model=items&version=1.0.0": None,
    "/alerts?state=all": "items 1.0.0",
}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """A server of its own: the fleet of the other tests has no such devices."""
    folder = Path(tempfile.mkdtemp(prefix="mf-web-"))
    running = RunningServer(folder / "home", settings=dict(SETTINGS)).start()
    try:
        running.wait_until_ready()
        running.settings |= {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        running.manage("createsuperuser", "--noinput", f"--username={NAME}", "--email=ann@example.org")
        running.manage("shell", "--command", MAKE)
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_no_page_is_wider_than_the_screen_and_nothing_that_a_device_says_runs(page: Page):
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    for address, link in PAGES.items():
        page.goto(address)
        assert_no_sideways_scroll(page)
        if link is not None:
            page.get_by_role("link", name=link).first.click()
            page.wait_for_load_state()
            assert_no_sideways_scroll(page)
    assert said == []
