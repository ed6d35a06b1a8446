"""The API reference works under the policy of all pages; the browser reports each breach, and the fixture fails for it."""

from playwright.sync_api import Page, expect


def test_the_api_reference_shows_the_operations(page: Page):
    with page.expect_response("**/api/docs") as answered:
        page.goto("/api/docs")
    assert "script-src" not in answered.value.headers["content-security-policy"]
    expect(page.get_by_role("heading", name="Modelfleet")).to_be_visible()
    operation = page.locator("#operations-api-list_devices")
    operation.click()
    expect(operation.get_by_text("Responses", exact=True)).to_be_visible()
