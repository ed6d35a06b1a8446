"""Bytes that no browser sends in an address, a cookie or a header, from the connection on."""

import json

import pytest

from tests.rsgi_requests import get, post

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("text", ["日", "é", "\N{PILE OF POO}", "%E6%97%A5", "\ufffd"])
@pytest.mark.parametrize("address", ["/admin/login/?next=", "/api/models/", "/api/schema?lang=", "/"])
def test_an_address_in_any_letters_is_no_fault(address, text):
    assert get(address + text).status < 500


def test_letters_in_a_query_arrive_as_they_were_sent():
    assert 'value="/日"' in get("/admin/login/?next=/日").content.decode()


@pytest.mark.parametrize("cookie", ["sessionid", "csrftoken", "messages"])
def test_nul_in_a_cookie_is_no_cookie(cookie):
    """Cookies may be quoted, with octal numbers for letters."""
    headers = {"Cookie": f'{cookie}="\\000abcdefgh"'}
    assert get("/", headers).status == 302
    assert get("/api/models", headers).status == 401
    answer = post("/api/models", [b"x" * 100_000], announced=100_000, headers=headers)
    assert (answer.status, json.loads(answer.content)["code"]) == (401, "unauthenticated")


def test_a_header_of_a_proxy_that_is_not_ascii_is_refused():
    """Without the header, the guesses of everybody behind the proxy would be counted as those of the proxy."""
    answer = get("/api/models", {"X-Forwarded-For": "é, 192.0.2.1"})
    assert (answer.status, json.loads(answer.content)["code"]) == (400, "unreadable_header")


def test_other_headers_that_are_not_ascii_are_left_out():
    assert get("/livez", {"User-Agent": "é"}).status == 200


FORM = {"Content-Type": "multipart/form-data", "Cookie": f"csrftoken={'a' * 32}"}


@pytest.mark.parametrize("path", ["/nothing", "/rollouts/x", "/static/nope", "/admin/login/", "/upload"])
@pytest.mark.parametrize(
    "headers",
    [
        FORM,
        FORM | {"Content-Type": "multipart/form-data; boundary=border"},
        FORM | {"Content-Type": "application/x-www-form-urlencoded"},
    ],
    ids=["no boundary", "a form", "fields"],
)
@pytest.mark.parametrize("size", [3, 200_000])
def test_a_body_that_cannot_be_read_is_no_fault_of_an_error_page(path, headers, size):
    """Django's own pages of errors read the body for a CSRF token."""
    answer = post(path, [b"x" * size], announced=size, headers=headers)
    assert answer.status in {302, 400, 403, 404, 413}
    assert answer.headers["content-type"].startswith("text/html")


def test_a_foreign_host_with_a_form_is_no_fault():
    answer = post("/nothing", [b"abc"], announced=3, headers=FORM | {"Host": "evil.example"})
    assert answer.status == 400
