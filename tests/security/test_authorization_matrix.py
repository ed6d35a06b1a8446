"""The authorization matrix: every route, by every method, by every caller that ``is_asked`` names. Each write is rolled back.

A route without a row in ``access`` fails. ``make matrix`` prints the table and the number of cells.
"""

import itertools
import json
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import got_request_exception
from django.db import transaction
from django.http import HttpResponse
from django.template import Template
from django.utils import timezone
from django.utils.safestring import SafeString
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from analytics.models import Alert
from core.api.authentication import Program
from core.api.endpoint import Endpoint
from core.models import ApiToken
from core.roles import Role
from fleet.models import EnrollmentKey, Rollout
from tests import fleet_rows
from tests.security import access, admin_rows, callers, expected_headers
from tests.security.access import DEVICE_API, EVERYBODY, LOGIN_AND_LOGOUT, OPEN, OPERATOR_API, TABLE
from tests.security.callers import Caller
from tests.security.matrix import WALKED
from tests.security.route_client import RouteClient
from tests.security.routes import VALUES, list_routes

pytestmark = pytest.mark.django_db

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
SAFE = {"GET", "HEAD", "OPTIONS"}
SCHEMA = Path(__file__).parents[1] / "contract" / "openapi.json"
ROUTES = {str(route): route for route in list_routes()}
API = {*OPERATOR_API, *DEVICE_API, *OPEN}
LOGIN = "/admin/login/"
# Requests about edge-1, for the views that compare the device of the token with that of the request.
# The schema is asked for as JSON, which takes a tenth of the time of YAML.
QUERIES = {"/api/models/latest": "device_id=edge-1", "/api/schema": "format=json"}
BODIES = {"/api/ingest": {"device_id": "edge-1", "records": [fleet_rows.RECORD]}}
# Of those without a session, who is asked on pages: no other token has a right that these two do not have.
ASKED_ON_PAGES = {"nobody", "token admin", "own device"}
# Who is asked where the table expects 405. That a stranger gets 405, not 401 or the login page, shows that the method is looked at
# before the caller; test_order_of_checks.py proves it for every view of the API. The administrators show that rights do not matter.
ASKED_FOR_405 = {"nobody", "token admin", "person admin", "admin without CSRF token"}


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    """The rows of all tests of this module: at least one of each kind, and the callers."""
    with django_db_blocker.unblock(), transaction.atomic():
        admin_rows.make(APIClient())
        now = timezone.now()
        alert = Alert.objects.create(model="digits", version="1.0.0", scope_kind="fleet", metric="class", state="firing",
                                     severity="high", last_evaluated_at=now, sentence="It drifts.", fired_at=now)  # fmt: skip
        keys = {
            "rollout_id": Rollout.objects.get().pk, "alert_id": alert.pk, "key_id": EnrollmentKey.objects.get().pk,
            "token_id": ApiToken.objects.get(name="ci").pk,
        }  # fmt: skip
        yield {"values": {**VALUES, **keys}, "callers": callers.make()}
        transaction.set_rollback(True)


def client_of(route: str, *, values: dict[str, Any]) -> RouteClient:
    """Return the client of a route. Pages of the web admin are asked for a row of their own model."""
    model = next(
        (model for model in admin_rows.MODELS if f"/{admin_rows.name_of(model).replace('.', '/')}/" in route), None
    )
    key = {"object_id": admin_rows.some_row(model).pk} if model else {}
    path = ROUTES[route].address({**values, **key})
    return RouteClient(path, query=QUERIES.get(route, ""), body=BODIES.get(route))


def is_asked(route: str, method: str, caller: Caller) -> bool:
    """Tell whether a cell is walked. Those left out get the answer of a caller who is asked."""
    if access.who_may(route, method) is None:
        return caller.name in ASKED_FOR_405
    is_page = route in access.PAGES or route in access.ADMIN_PAGES
    return not is_page or "cookie" in caller.headers or caller.name in ASKED_ON_PAGES


def outcome(answer: HttpResponse) -> str:
    """Return how far the caller came: ``in`` is past every check of who they are."""
    if answer.status_code == 302 and answer["Location"].startswith(LOGIN):
        return "login"
    if answer.status_code in {401, 403, 405} or answer.status_code >= 500:
        return str(answer.status_code)
    return "in"


def expected(route: str, method: str, caller: Caller) -> set[str]:
    """Return the outcomes that the table allows for one cell."""
    who = access.who_may(route, method)
    is_forged = method not in SAFE and not caller.sends_csrf
    if route in LOGIN_AND_LOGOUT:
        return {"403", "405"} if is_forged else {"405", "in"} if who is None else {"in", "login"}
    if who is None:
        # On a page, the middleware looks for the CSRF token before the view looks at the method.
        return {"405", *({"403"} if is_forged and route not in API else ())}
    if is_forged and caller.is_person and route not in {*OPEN, *DEVICE_API}:
        return {"403"}
    # A token opens no page.
    grants = caller.grants if caller.is_person or route in API else frozenset()
    if who & (grants | EVERYBODY):
        return {"in"}
    # Some pages of Django's admin look at the method after they have asked strangers to log in.
    refusal = _refusal(route, caller)
    return {refusal, "405"} if route in access.ADMIN_PAGES and not who else {refusal}


def _refusal(route: str, caller: Caller) -> str:
    if route in DEVICE_API:
        return "403" if caller.grants <= access.DEVICES and caller.grants else "401"
    is_known = caller.is_person or (route in OPERATOR_API and bool(caller.grants & access.ROLES))
    if route in access.ADMIN_PAGES:
        is_known = is_known and bool(caller.grants)
    return "403" if is_known else ("401" if route in API else "login")


def test_every_route_has_a_row_and_every_row_a_route():
    assert set(TABLE) == set(ROUTES)


def test_every_operation_of_the_schema_has_a_row():
    paths = json.loads(SCHEMA.read_text())["paths"]
    described = {(path, verb.upper()) for path, item in paths.items() for verb in item if verb.upper() in METHODS}
    table = OPERATOR_API | DEVICE_API | OPEN
    undescribed = {"/metrics", "/livez", "/readyz", "/api/schema", "/api/docs"}
    assert described == {(path, verb) for path, row in table.items() for verb in row if path not in undescribed} - {
        (path, "OPTIONS") for path in table
    }


@pytest.mark.parametrize("route", ROUTES)
def test_only_those_get_in_who_are_named(world, route, faults):
    client, wrong = client_of(route, values=world["values"]), []
    for method, caller in itertools.product(METHODS, world["callers"]):
        if not is_asked(route, method, caller):
            continue
        may = expected(route, method, caller)
        answer = client.request(method, caller, may_write="in" in may)
        found = outcome(answer)
        if wrong_headers := expected_headers.find_wrong(answer.headers):
            wrong.append(f"{method} by {caller}: the headers {wrong_headers}")
        WALKED.add(route, method, caller, is_in=found == "in", is_expected=found in may)
        if found not in may or (found == "405" and not answer.get("Allow")):
            wrong.append(f"{method} by {caller}: {found} ({answer.status_code}), not {' or '.join(may)}")
        elif found in {"401", "403"} and route in API:
            check_problem(answer, route=route, method=method, caller=caller)
    assert wrong == [], "\n".join([*wrong, *faults[:1]])


@pytest.fixture(autouse=True)
def _no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the text of pages, which takes most of the time: who gets in is decided before it is written."""
    monkeypatch.setattr(Template, "_render", lambda *_: SafeString())


@pytest.fixture
def faults() -> Iterator[list[str]]:
    """The tracebacks of faults of the server. Refusals are logged thousands of times, so nothing is logged."""
    found: list[str] = []
    got_request_exception.connect(receiver := lambda **_: found.append(traceback.format_exc()), weak=False)
    logging.disable()
    yield found
    logging.disable(logging.NOTSET)
    got_request_exception.disconnect(receiver)


def check_problem(answer: HttpResponse, *, route: str, method: str, caller: Caller) -> None:
    """A refusal of the API is a problem; 401 names the scheme, and 403 the roles that may."""
    problem = json.loads(answer.content or b"{}") if method != "HEAD" else None
    assert answer["Content-Type"] == "application/problem+json"
    if answer.status_code == 401:
        assert answer["WWW-Authenticate"] == "Bearer"
    elif problem and caller.grants & access.ROLES and caller.sends_csrf:
        assert (problem["code"], problem["required_roles"]) == (
            "role_forbids",
            sorted(access.who_may(route, method) or ()),
        )


def test_a_view_without_an_area_is_refused_to_all():
    class Forgotten(Endpoint):
        """A view whose author forgot to name its area."""

        def get(self, request: Request) -> Response:
            return Response()

    request = APIRequestFactory().get("/")
    force_authenticate(request, user=Program(token_id=1, name="ci", role=Role.ADMIN))
    assert Forgotten.as_view()(request).status_code == 403
