"""The steps of the walk through the console: upload, enroll, roll out, look at drift."""

import re

from playwright.sync_api import Page, expect

from tests.browser.a_device import Device
from tests.running_server import DIGITS, RunningServer, wait_for

EVEN = [1.0] * 10
SKEWED = [6.0, 6.0, *[0.4] * 8]
A_BUILD_MS, A_POLL_MS = 120_000, 20_000


def assert_no_sideways_scroll(page: Page) -> None:
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, f"{page.url} is {wider} px wider than the screen"


def upload(page: Page, model: str, number: str) -> None:
    page.get_by_role("link", name="Models").click()
    page.get_by_role("link", name=re.compile("Upload")).click()
    page.get_by_label("Model", exact=True).fill(model)
    page.get_by_label("Version", exact=True).fill(number)
    page.get_by_label("ONNX file").set_input_files(DIGITS / f"digits-{number}.onnx")
    page.get_by_label("Calibration data").set_input_files(DIGITS / "calibration.npz")
    page.get_by_label("Baseline").set_input_files(DIGITS / f"baseline-{number}.jsonl")
    page.get_by_label("Jetson Orin Nano").check()
    assert_no_sideways_scroll(page)
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url(f"**/models/{model}/{number}")


def wait_for_variants(page: Page) -> None:
    # One variant of each of the two targets is what its devices are offered.
    expect(page.locator("#version-live .is-offered").get_by_text("ready", exact=True)).to_have_count(
        2, timeout=A_BUILD_MS
    )
    expect(page.get_by_text("2 targets built")).to_be_visible(timeout=A_POLL_MS)
    expect(page.get_by_role("heading", name="Why targets get different files")).to_be_visible()
    assert_no_sideways_scroll(page)


def compare_methods(page: Page, model: str, number: str) -> None:
    """Build every method side by side, and offer another one than the first; the page shows the builds as they go."""
    page.goto(f"/models/{model}/{number}")
    page.get_by_role("button", name="Build all methods side by side").click()
    expect(page.get_by_text("Every method that applies is built")).to_be_visible()
    table = page.get_by_role("table", name="The variants for Generic CPU")
    other = table.get_by_role("row").filter(has_text="fp32-optimized")
    expect(other.get_by_role("link", name="Offer this one")).to_be_visible(timeout=A_BUILD_MS)
    expect(page.get_by_text("2 targets built")).to_be_visible(timeout=A_BUILD_MS)
    assert_no_sideways_scroll(page)
    page.get_by_role("link", name="Log of balanced").first.click()
    expect(page.locator("pre")).to_contain_text("fp32-optimized")
    assert_no_sideways_scroll(page)
    page.go_back()
    other.get_by_role("link", name="Offer this one").click()
    expect(page.get_by_role("heading", name="What devices do")).to_be_visible()
    assert_no_sideways_scroll(page)
    page.get_by_role("button", name="Offer this variant").click()
    expect(page.locator(".is-offered").filter(has_text="fp32-optimized")).to_be_visible()


def enroll(page: Page, model: str, server: RunningServer) -> list[Device]:
    page.get_by_role("link", name="Fleet", exact=True).click()
    page.get_by_role("link", name="Enroll devices").or_(
        page.get_by_role("link", name="Create an enrollment key")
    ).first.click()
    page.get_by_label("Name").fill(f"{model} pilot")
    page.get_by_label("Devices").fill("4")
    page.get_by_label("Follows model").select_option(model)
    page.get_by_role("button", name="Create key").click()
    key = page.locator("#the-key").inner_text()
    sites = ("osaka", "osaka", "nagoya", "nagoya")
    devices = [Device(server.url, f"{model}-{place}", key=key, site=site) for place, site in enumerate(sites)]
    for device in devices:
        device.update()
    page.goto(f"/?search={model}-")
    expect(page.get_by_role("link", name=f"{model}-0")).to_be_visible()
    assert_no_sideways_scroll(page)
    return devices


def point_channel(page: Page, model: str, number: str) -> None:
    page.goto(f"/models/{model}")
    page.get_by_label("Points to").select_option(number)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text(f"The channel stable points to {number}.")).to_be_visible()
    assert_no_sideways_scroll(page)


def roll_out(page: Page, model: str, devices: list[Device]) -> None:
    page.goto(f"/rollouts/new?model={model}&version=2.0.0")
    for place, (percent, least) in enumerate((("30", "0"), ("60", "0"), ("100", "0")), start=1):
        page.locator(f"#percent-{place}").fill(percent)
        page.locator(f"#duration-{place}").fill(least)
    # The last stage waits for everybody. With fewer the rollout may complete before the last device has confirmed.
    page.locator("#confirmed-3").fill("4")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("4 devices would download")
    assert_no_sideways_scroll(page)
    page.get_by_role("button", name="Start now").click()
    expect(page.get_by_text("Stage 1 of 3 began")).to_be_visible()
    assert_no_sideways_scroll(page)
    state = page.locator("#rollout-live .page-title .badge")

    def is_over() -> bool:
        for device in devices:
            device.update()
        return state.inner_text() == "completed"

    wait_for(is_over, seconds=60, every=0.5)
    expect(page.locator(".progress").last).to_have_attribute("aria-label", "4 of 4 confirmed, 0 failed")
    expect(page.get_by_text(f"{model}/stable points to 2.0.0")).to_have_count(2, timeout=A_POLL_MS)


def look_at_drift(page: Page, model: str, devices: list[Device]) -> None:
    page.goto(f"/drift?model={model}&version=2.0.0")
    expect(page.locator("#drift-live .verdict .badge")).to_have_text("not enough data")
    for device in devices:
        device.predict(SKEWED if device.device_id.endswith(("0", "1")) else EVEN, number=1500)
    expect(page.locator("#drift-live .verdict .badge")).to_have_text(re.compile("medium|high"), timeout=A_POLL_MS)
    expect(page.locator("#psi-chart canvas")).to_be_visible()
    expect(page.locator("#psi-chart")).to_contain_text("adjusted")
    assert_no_sideways_scroll(page)
    page.get_by_role("link", name="site=osaka").click()
    page.wait_for_url("**label=site%3Aosaka")
    expect(page.get_by_label("Where")).to_have_value("label:site=osaka")
    expect(page.locator("#drift-live .verdict .badge")).to_have_text("high")
    assert_no_sideways_scroll(page)
