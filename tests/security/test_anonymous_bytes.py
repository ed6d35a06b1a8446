"""Up to 2 GiB a connection reached the disk before authentication. Now a stranger may send 64 KiB, to any path, in any form."""

import json
import socket
from collections import defaultdict

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from rest_framework.parsers import MultiPartParser

from config.http.admission import SMALL_BYTES
from config.http.bodies import DRAINED_BYTES
from fleet.devices.tokens import issue_token
from tests.fleet_rows import make_device
from tests.rsgi_requests import post
from tests.security.routes import list_routes

BOUNDARY = "border"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
PIECE = 64 * 1024
HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n'
    "Content-Type: application/octet-stream\r\n\r\n"
).encode()
# One piece too much is read before it is known to be too much.
MOST_TAKEN = SMALL_BYTES + DRAINED_BYTES + 2 * PIECE


ROUTES = list_routes()
PATHS = [route.address(defaultdict(lambda: 1)) for route in ROUTES]


def body():
    return [HEAD + b"x" * (PIECE - len(HEAD)), *[b"x" * PIECE] * 63]


CALLERS = {
    "nobody": {},
    "an invented cookie": {"Cookie": "csrftoken=invented; sessionid=invented"},
    "an invented token": {"Authorization": "Bearer mf_invented"},
    "an invented device": {"Authorization": "Basic ZWRnZS0xOndyb25n"},
}


WAYS = [("nobody", PIECE * 64), *((caller, None) for caller in CALLERS), ("an invented token", PIECE * 64)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("caller", "announced"), WAYS)
def test_a_stranger_sends_little_to_any_path(caller, announced):
    took_too_much = []
    for path in [*PATHS, "/nothing/at/all"]:
        answer = post(path, body(), announced=announced, headers={"Content-Type": FORM, **CALLERS[caller]})
        assert answer.status < 500, (path, answer.status, answer.content[:300])
        if answer.taken > MOST_TAKEN:
            took_too_much.append(path)
    assert took_too_much == []
    assert not list(settings.FILE_UPLOAD_TEMP_DIR.iterdir())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_may_not_upload_sends_no_more_than_telemetry(api, role):
    token = api(role)._credentials["HTTP_AUTHORIZATION"]
    pieces = [b"x" * PIECE] * (2 * settings.MAX_INGEST_BYTES // PIECE)
    answer = post(
        "/api/models/digits/versions", pieces, announced=None, headers={"Content-Type": FORM, "Authorization": token}
    )
    assert (answer.status, json.loads(answer.content)["code"]) == (403, "role_forbids")
    assert answer.taken <= settings.MAX_INGEST_BYTES + MOST_TAKEN


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/upload", "/api/models/digits/versions"])
@pytest.mark.parametrize("role", ["viewer", None])
def test_a_person_without_the_role_sends_no_upload(path, role):
    """A session is not enough: the person's role must allow uploads."""
    person = User.objects.create_user("somebody")
    if role:
        person.groups.add(Group.objects.get(name=role))
    browser = Client()
    browser.force_login(person)
    cookie = f"sessionid={browser.cookies['sessionid'].value}"
    pieces = [b"x" * PIECE] * (2 * settings.MAX_INGEST_BYTES // PIECE)
    answer = post(path, pieces, announced=None, headers={"Content-Type": FORM, "Cookie": cookie})
    assert answer.status in {302, 403, 413}
    assert answer.taken <= (settings.MAX_INGEST_BYTES if role else 0) + MOST_TAKEN


@pytest.mark.django_db(transaction=True)
def test_a_device_sends_no_more_than_telemetry(settings):
    token = issue_token(make_device("edge-1"))
    settings.MAX_INGEST_BYTES = 500_000
    for path in ("/api/ingest", "/api/models/digits/versions", "/admin/login/"):
        answer = post(path, body(), announced=None, headers={"Content-Type": FORM, "Authorization": f"Bearer {token}"})
        assert answer.status in {401, 403, 413}, path
        assert answer.taken <= 500_000 + MOST_TAKEN


def test_every_view_that_takes_forms_with_files_says_so():
    """A view that forgets the mark would refuse uploads; a mark on another view would open it to large bodies."""
    views = {str(route): getattr(route.pattern.callback, "cls", route.pattern.callback) for route in ROUTES}
    takes = {route for route, view in views.items() if hasattr(view, "upload_area")}
    parses = {route for route, view in views.items() if MultiPartParser in getattr(view, "parser_classes", [])}
    by_method = {"/api/models/{model}/versions"}
    pages = {"/upload", "/models/{model}/upload"}
    assert takes == parses | by_method | pages


ATTACKS = {
    "in chunks, to a page": ("POST /", f"Content-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n"),
    "in chunks, to a path that is none": ("PUT /nothing", "Transfer-Encoding: chunked\r\n"),
    "a form, to the login page": (
        "POST /admin/login/",
        f"Content-Type: {FORM}\r\nContent-Length: 104857600\r\nCookie: csrftoken={'a' * 32}\r\n",
    ),
    "a batch": ("POST /api/ingest", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_disk_is_not_written(server, attack):
    """100 MiB are sent to a real server. Its web processes write less than 1 MiB to files, pipes and sockets together."""
    line, headers = ATTACKS[attack]
    web = server.child("config.rsgi")
    assert web is not None
    workers = [web, *web.children(recursive=True)]
    before = sum(process.io_counters().write_chars for process in workers)
    sent = flood(server.port, f"{line} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{headers}\r\n".encode())
    written = sum(process.io_counters().write_chars for process in workers) - before
    assert written < 1024 * 1024
    # What the kernel buffers comes on top of what the server took.
    assert sent < 20 * 1024 * 1024


def flood(port, head):
    """Send until the server ends the connection; return how many bytes the kernel took."""
    chunk = b"%x\r\n" % PIECE + b"x" * PIECE + b"\r\n" if b"chunked" in head else b"x" * PIECE
    sent = 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(20)
        try:
            connection.sendall(head)
            for _ in range(1600):
                connection.sendall(chunk)
                sent += len(chunk)
        except (BrokenPipeError, ConnectionResetError):
            return sent
    return sent
