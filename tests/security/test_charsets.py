"""No header makes a request that cannot even be read: these were faults of every address, before any check."""

import io
import json

import pytest

from config.wsgi import application

pytestmark = pytest.mark.django_db


def ask(method, path, content_type, *, query="a=%ff", body=b"{}"):
    seen = {}
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    answer = application(environ, lambda status, _headers: seen.update(status=int(status[:3])))
    try:
        return seen["status"], b"".join(answer)
    finally:
        answer.close()


@pytest.mark.parametrize("charset", ["zlib", "bz2", "rot13", "hex", "undefined", "idna", "utf-7", "nonsense", ""])
@pytest.mark.parametrize(("method", "path"), [("GET", "/livez"), ("GET", "/"), ("POST", "/api/devices/enroll")])
def test_a_charset_is_not_used(method, path, charset):
    assert ask(method, path, f"application/json; charset={charset}")[0] in {200, 302, 400}


def test_a_parameter_in_an_unknown_encoding_is_no_fault():
    assert ask("GET", "/livez", "text/plain; name*=zlib''x")[0] == 200


def test_so_many_fields_are_refused_where_they_are_read():
    assert ask("GET", "/livez", "text/plain; charset=utf-8", query="&".join(f"a{n}=1" for n in range(2_000)))[0] == 200


def test_json_is_utf8():
    status, body = ask("POST", "/api/devices/enroll", "application/json; charset=utf-16", body='{"name": "é"}'.encode())
    assert (status, json.loads(body)["code"]) == (400, "invalid")
