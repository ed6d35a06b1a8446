"""Real pages of a real server in a real Chromium. Where there is none, nothing here is collected; CHROMIUM names another one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from tests.running_server import RunningServer

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
# Without these it looks up its vendor's hosts at every start.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = {
    "POLL_AFTER_SECONDS": "1",
    "ROLLUP_BUCKET": "10s",
    "ROLLUP_INTERVAL": "1s",
    "ROLLOUT_INTERVAL": "1s",
    "DRIFT_OVERDISPERSION": "1",
    "DRIFT_WINDOW": "10m",
}
NAME, PASSWORD = "ann", "a long enough password"

HAS_CHROMIUM = Path(CHROMIUM).exists()
collect_ignore_glob = [] if HAS_CHROMIUM else ["test_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what to install."""
    if not HAS_CHROMIUM:
        words = f"note: no Chromium at {CHROMIUM}, so tests/browser is not collected; install Debian's package chromium"
        terminalreporter.write_line(words)


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    folder = Path(tempfile.mkdtemp(prefix="mf-web-"))
    running = RunningServer(folder / "home", settings=SETTINGS).start()
    try:
        running.wait_until_ready()
        running.settings |= {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        running.manage("createsuperuser", "--noinput", f"--username={NAME}", "--email=ann@example.org")
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


# Not for the whole session: while Playwright runs, its event loop stands in the way of Django's own database calls.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def login(chromium: Browser, server: RunningServer) -> StorageState:
    """What the browser keeps of somebody who has logged in once."""
    context = chromium.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Username").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{server.url}/")
    kept = context.storage_state()
    context.close()
    return kept


@pytest.fixture(params=[1440, 390], ids=["desktop", "phone"])
def page(
    request: pytest.FixtureRequest, chromium: Browser, server: RunningServer, login: StorageState
) -> Iterator[Page]:
    """A page of somebody who is logged in. What the browser complains of fails the test."""
    size = {"width": request.param, "height": 900}
    context = chromium.new_context(viewport=size, base_url=server.url, storage_state=login)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda said: said.type == "error" and complaints.append(f"{said.text} {said.location}"))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto("/")
    yield opened
    context.close()
    assert complaints == []
