"""No name and no report of a device keeps a page of the console or of the web admin from being shown, or is taken for HTML.

The pages are those of the URL resolver, the pages that they link to, and each choice of their filters. A view with new parameters
fails here until ``list_values`` knows values for them.
"""

import html.parser
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
from django.contrib.auth.models import User
from django.urls import Resolver404, URLPattern, resolve, reverse

from analytics.drift.queries import VersionName
from analytics.models import Alert
from analytics.web import links
from core.models import ApiToken
from fleet.models import Device, EnrollmentKey, Rollout
from ingest.models import RollUp
from ingest.roll_ups.keys import FLEET
from registry.models import Channel, Job, ModelVersion, RegisteredModel, Variant
from tests.security import hostile_fleet
from tests.security.routes import list_routes

pytestmark = pytest.mark.django_db

Values = list[dict[str, Any]]
ROWS_OF_A_TABLE = 6
CHOICES_OF_A_FILTER = 4
# Leads from the admin to a page of the object, which no model here has.
NOT_A_PAGE = "view_on_site"


def rows(queryset: Any, **fields: str) -> Values:
    return [dict(zip(fields, row, strict=True)) for row in queryset.values_list(*fields.values())]


def list_values(pattern: URLPattern) -> Values:
    """The values of a view's parameters."""
    names = frozenset(pattern.pattern.converters) or frozenset(pattern.pattern.regex.groupindex)
    if "object_id" in names:
        return rows(pattern.callback.model_admin.model.objects.order_by("-pk")[:ROWS_OF_A_TABLE], object_id="pk")
    of_version = {"model": "version__model__slug", "version": "version__number"}
    known = {
        "": [{}],
        "alert_id": rows(Alert.objects, alert_id="pk"),
        "app_label": [{"app_label": name} for name in ("auth", "core", "registry", "fleet", "ingest")],
        "build model version": rows(Job.objects, **of_version, build="pk"),
        "channel model": rows(Channel.objects, model="model__slug", channel="name"),
        "device_id": rows(Device.objects, device_id="device_id"),
        "id": rows(User.objects, id="pk"),
        "key_id": rows(EnrollmentKey.objects, key_id="pk"),
        "model": rows(RegisteredModel.objects, model="slug"),
        "model target version": rows(Variant.objects, **of_version, target="target"),
        "model variant version": rows(Variant.objects, **of_version, variant="pk"),
        "model version": rows(ModelVersion.objects, model="model__slug", version="number"),
        "name rollout_id": [{**row, "name": "pause"} for row in rows(Rollout.objects, rollout_id="pk")],
        "rollout_id": rows(Rollout.objects, rollout_id="pk"),
        "token_id": rows(ApiToken.objects, token_id="pk"),
    }
    return known[" ".join(sorted(names))]


def list_addresses() -> list[str]:
    """Each view of the product, once for each value of its parameters."""
    pages = [route for route in list_routes() if route.name and route.pattern.name != NOT_A_PAGE]
    found = [reverse(route.name, kwargs=values) for route in pages for values in list_values(route.pattern)]
    names = RollUp.objects.values_list("model", "version").distinct()
    return [*found, *(links.drift(VersionName(*name), scope=FLEET) for name in names)]


class Page(html.parser.HTMLParser):
    """The addresses to which a page leads, and the tags and attributes that only a text of a device could have brought in."""

    def __init__(self, address: str, text: str) -> None:
        super().__init__()
        self.address, self.leads_to, self.foreign = address, set(), []
        self._filter = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if (
            any(name.startswith("on") for name in given)
            or given.get("src") == "x"
            or given.get("href", "").startswith("javascript:")
        ):
            self.foreign.append((tag, given))
        if tag == "a" and given.get("href"):
            self._add(given["href"])
        if tag == "select":
            self._filter = given.get("name", "")
        if tag == "option" and self._filter and given.get("value"):
            self._add(f"?{urlencode({self._filter: given['value']})}")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script" and data.strip().startswith("alert("):
            self.foreign.append(("script", data))

    def _add(self, address: str) -> None:
        parts = urlsplit(urljoin(self.address, address))
        if not parts.netloc and not parts.path.startswith("/api/"):
            self.leads_to.add(f"{parts.path}?{parts.query}" if parts.query else parts.path)


@pytest.fixture
def browser(api: Any, client: Any) -> Any:
    hostile_fleet.make(api)
    client.force_login(User.objects.create_superuser(hostile_fleet.HTML[0]))
    client.raise_request_exception = False
    return client


def test_every_page_and_answer_bears_what_devices_may_send(browser):
    check(browser, list_addresses())


def test_every_page_bears_rows_that_no_endpoint_accepts_any_more(browser):
    hostile_fleet.spoil_rows()
    check(browser, list_addresses(), is_asked=shows_spoiled_rows)


def shows_spoiled_rows(address: str) -> bool:
    """Pages of the console, and those of the web admin that are about models with spoiled rows."""
    if address.startswith("/admin/"):
        return address.startswith(("/admin/fleet/device", "/admin/fleet/enrollmentkey", "/admin/fleet/deployment"))
    return not address.startswith("/api/")


def check(browser: Any, addresses: list[str], *, is_asked: Callable[[str], bool] = bool) -> None:
    """Look at the pages and at some of what each leads to: all of it is shown, and nothing that a device says is HTML."""
    answers = {address: browser.get(address) for address in addresses if is_asked(address)}
    pages = read_pages(answers)
    chosen = {address for address in choose_links(pages.values()) if is_asked(address)}
    followed = {address: browser.get(address) for address in sorted(chosen - set(answers))}

    assert {
        address: answer.status_code for address, answer in answers.items() if not is_expected(address, answer)
    } == {}
    assert {address: answer.status_code for address, answer in followed.items() if answer.status_code >= 500} == {}
    assert find_foreign({**pages, **read_pages(followed)}) == {}


def read_pages(answers: dict[str, Any]) -> dict[str, Page]:
    return {address: Page(address, answer.content.decode()) for address, answer in answers.items() if is_html(answer)}


def choose_links(pages: Iterable[Page]) -> set[str]:
    """Return a few addresses of each kind, of all to which the pages lead."""
    kinds: dict[Any, set[str]] = defaultdict(set)
    for address in {address for page in pages for address in page.leads_to}:
        kinds[kind_of(address)].add(address)
    return {address for kind in kinds.values() for address in sorted(kind)[:CHOICES_OF_A_FILTER]}


def is_html(answer: Any) -> bool:
    return bool(answer.get("Content-Type", "").startswith("text/html"))


def kind_of(address: str) -> tuple[str, tuple[str, ...]]:
    """Pages of one view with the same parameters differ in little: a few of each kind are followed."""
    parts = urlsplit(address)
    try:
        name = resolve(parts.path).view_name
    except Resolver404:
        name = parts.path
    return name, tuple(sorted(parse_qs(parts.query)))


def is_expected(address: str, answer: Any) -> bool:
    """A page is 200. Verbs refuse GET with 405; the admin's forms are refused where rows are read only; the API has its own tests."""
    if address.startswith("/admin/") and address.endswith(("/add/", "/delete/")):
        return answer.status_code in {200, 302, 403}
    if address.startswith(("/api/", "/admin/autocomplete/")):
        return answer.status_code < 500
    return answer.status_code in {200, 302, 405}


def find_foreign(pages: dict[str, Page]) -> dict[str, Any]:
    return {address: page.foreign for address, page in pages.items() if page.foreign}


def test_a_form_shows_again_what_was_sent_as_text(browser):
    for address, text in itertools.product(("/rollouts/new", "/enrollment-keys/new", "/upload"), hostile_fleet.HTML):
        for sent in list_forms(text):
            answer = browser.post(address, sent)
            assert answer.status_code == 200
            assert find_foreign(read_pages({address: answer})) == {}


def list_forms(text: str) -> list[dict[str, Any]]:
    stages = {"stages_percent": ["50", "100"], "stages_min_duration": [text, "0"], "stages_min_confirmed": ["1", text]}
    good = {"model": "items", "version": "2.0.0", "channel": "stable", "labels": "", "then": "preview"}
    fields = ("name", "life", "max_uses", "mode", "target", "channel", "labels", "metadata", "version")
    hostile = dict.fromkeys(fields, text) | {"model": "items"}
    return [good | stages, good | {"labels": f"items={text}"} | stages, hostile | stages]
