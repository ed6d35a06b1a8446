"""Which refusal a request gets: 404, then 405, then 401 and 403, and only then what the request says and sends."""

import io

import pytest
from rest_framework.authentication import BaseAuthentication
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from core.api.endpoint import Endpoint
from tests.security.routes import VALUES, list_routes

pytestmark = pytest.mark.django_db

UPLOAD = "/api/models/digits/versions"


class UnreadBody(io.BytesIO):
    """A body that nobody may read."""

    def read(self, size=-1):
        raise AssertionError("the body was read")

    readline = read


@pytest.mark.parametrize("role", [None, "viewer", "ml_engineer", "operator", "admin"])
@pytest.mark.parametrize("method", ["PUT", "BREW"])
def test_a_method_that_an_address_does_not_have_is_405_for_everybody(api, role, method):
    answer = api(role).generic(method, "/api/enrollment-keys", "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "image/png"])
@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_may_not_upload_is_told_so_whatever_they_send(api, person, role, content_type):
    session = person(role, enforce_csrf_checks=True)
    session.cookies["csrftoken"] = "a" * 32
    for browser, headers in ((api(role), {}), (session, {"HTTP_X_CSRFTOKEN": "a" * 32})):
        answer = browser.generic("POST", UPLOAD, "{}", content_type=content_type, **headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "role_forbids")


def test_a_body_is_not_read_before_the_caller_is_known(person):
    session = person("ml_engineer", enforce_csrf_checks=True)
    session.cookies["csrftoken"] = "a" * 32
    sent = {"wsgi.input": UnreadBody(), "CONTENT_LENGTH": "9", "CONTENT_TYPE": "multipart/form-data; boundary=x"}
    answer = session.post(UPLOAD, **sent)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "CSRF" in answer.json()["detail"]


def test_a_person_reads_without_a_csrf_token(person):
    session = person("viewer", enforce_csrf_checks=True)
    assert session.get("/api/devices").status_code == 200
    assert session.options("/api/devices").status_code == 200


def test_a_stranger_learns_nothing_about_formats(api):
    answer = api().get("/api/devices", HTTP_ACCEPT="image/png")
    assert answer.status_code == 401
    assert api("viewer").get("/api/devices", HTTP_ACCEPT="image/png").status_code == 406


VIEWS = {
    str(route): route.pattern.callback
    for route in list_routes()
    if issubclass(view := getattr(route.pattern.callback, "view_class", object), APIView)
    and not view.__module__.startswith("drf_spectacular")
}


def test_every_view_of_the_api_has_this_order():
    assert {path for path, view in VIEWS.items() if not issubclass(view.view_class, Endpoint)} == set()
    assert len(VIEWS) > 40


class NobodyIsAsked(BaseAuthentication):
    """Credentials that may not be looked at."""

    def authenticate(self, request):
        raise AssertionError("the caller was asked for before the method was looked at")


@pytest.mark.parametrize("path", VIEWS)
def test_no_view_asks_for_the_caller_before_it_looks_at_the_method(monkeypatch, path):
    view = VIEWS[path]
    monkeypatch.setattr(APIView, "get_authenticators", lambda _: [NobodyIsAsked()])
    missing = {"GET", "POST", "PUT", "PATCH", "DELETE", "BREW"} - set(view.view_class().allowed_methods)
    for method in missing:
        answer = view(APIRequestFactory().generic(method, "/"), **VALUES)
        assert (answer.status_code, "OPTIONS" in answer["Allow"]) == (405, True), method
