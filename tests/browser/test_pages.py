"""The console in a browser, on a desktop and on a phone, all on one server: a walk from upload to drift, each page, hostile names.

A file of its own for any of these would start a server of its own, because each file may run in another process.
"""

import contextlib

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser import steps
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
HOSTILE_PAGES = {
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
    "/models/items/compare?from=1.0.0&to=1.0.0": None,
    "/models?q=items": None,
    "/drift?model=items&version=1.0.0": None,
    "/alerts?state=all": "items 1.0.0",
}


@pytest.fixture
def model(page: Page) -> str:
    assert page.viewport_size is not None
    return f"digits-{page.viewport_size['width']}"


def test_from_upload_to_drift(page: Page, model: str, server: RunningServer):
    steps.upload(page, model, "1.0.0")
    steps.wait_for_variants(page)
    steps.point_channel(page, model, "1.0.0")
    with contextlib.ExitStack() as opened:
        devices = [opened.enter_context(device) for device in steps.enroll(page, model, server)]
        steps.upload(page, model, "2.0.0")
        steps.wait_for_variants(page)
        steps.roll_out(page, model, devices)
        steps.look_at_drift(page, model, devices)


PLACES = (
    "/",
    "/enrollment-keys",
    "/enrollment-keys/new",
    "/models",
    "/upload",
    "/rollouts",
    "/rollouts/new",
    "/drift",
    "/alerts",
    "/alerts?state=all",
    "/admin/",
    "/admin/registry/modelversion/",
    "/admin/core/auditentry/",
)


@pytest.mark.parametrize("place", PLACES)
def test_every_page_fits_the_screen(page: Page, place: str):
    answer = page.goto(place)
    assert answer is not None
    assert answer.status == 200
    steps.assert_no_sideways_scroll(page)


def test_methods_side_by_side(page: Page, model: str):
    steps.upload(page, f"methods-{model}", "1.0.0")
    steps.wait_for_variants(page)
    steps.compare_methods(page, f"methods-{model}", "1.0.0")


def test_the_server_is_not_open_to_strangers(server: RunningServer):
    for place in ("/", "/models", "/rollouts", "/drift", "/alerts"):
        answer = httpx.get(f"{server.url}{place}")
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("/admin/login/")


def test_the_api_reference_shows_the_operations_under_the_policy_of_all_pages(page: Page):
    # The browser reports each breach of the policy, and the fixture fails for it.
    with page.expect_response("**/api/docs") as answered:
        page.goto("/api/docs")
    assert "script-src" not in answered.value.headers["content-security-policy"]
    expect(page.get_by_role("heading", name="Modelfleet")).to_be_visible()
    operation = page.locator("#operations-api-list_devices")
    operation.click()
    expect(operation.get_by_text("Responses", exact=True)).to_be_visible()


@pytest.fixture(scope="module")
def hostile_devices(server: RunningServer) -> None:
    """The longest names and values that a device may send, and HTML as names."""
    server.manage("shell", "--command", MAKE)


@pytest.mark.usefixtures("hostile_devices")
def test_no_page_is_wider_than_the_screen_and_nothing_that_a_device_says_runs(page: Page):
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    for address, link in HOSTILE_PAGES.items():
        page.goto(address)
        steps.assert_no_sideways_scroll(page)
        if link is not None:
            page.get_by_role("link", name=link).first.click()
            page.wait_for_load_state()
            steps.assert_no_sideways_scroll(page)
    assert said == []
