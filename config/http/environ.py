"""Translates a request as granian describes it (RSGI) into the words of WSGI (PEP 3333), for Django."""

import io
import sys
from collections.abc import Iterable
from typing import Protocol
from wsgiref.types import WSGIEnvironment

from core.errors import Invalid


class Headers(Protocol):
    """The headers of a request. Names are in small letters."""

    def __contains__(self, name: str) -> bool:
        """Return whether there is a header of this name."""
        ...

    def get(self, name: str, default: str) -> str:
        """Return the value of a header, or the default."""
        ...

    def keys(self) -> list[str]:
        """Return the name of each header."""
        ...

    def items(self) -> list[tuple[str, str]]:
        """Return the headers whose values are ASCII; a name that comes twice is there twice."""
        ...


class Scope(Protocol):
    """A request before its body (RSGI specification, HTTP scope)."""

    method: str
    path: str
    query_string: str
    client: str
    server: str
    scheme: str
    http_version: str
    authority: str | None
    headers: Headers


class UnreadableHeader(Invalid):
    """A header that says who sends the request is not ASCII. To ignore it would take the proxy for the sender."""

    code = "unreadable_header"


def make_environ(scope: Scope) -> WSGIEnvironment:
    """Return the environment of WSGI for a request, with an empty body.

    Raises:
        UnreadableHeader: A header of a proxy is not ASCII. Other headers that are not ASCII are left out.
    """
    address, _, _ = scope.client.rpartition(":")
    server, _, port = scope.server.rpartition(":")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        # WSGI has the bytes of an address as Latin-1. granian has decoded the percent signs of the path.
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_NAME": server.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": address.strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if scope.authority:
        environ["HTTP_HOST"] = scope.authority
    headers = scope.headers.items()
    environ.update(_name_headers(headers))
    unreadable = set(scope.headers.keys()) - {name for name, _ in headers}
    if forwarded := [name for name in sorted(unreadable) if name.startswith("x-forwarded-")]:
        raise UnreadableHeader(f"The header {forwarded[0]} is not ASCII.")
    return environ


def _name_headers(headers: Iterable[tuple[str, str]]) -> WSGIEnvironment:
    """Return the headers under their names of WSGI. Those with an underscore are dropped: they would pass for others."""
    named: WSGIEnvironment = {}
    for name, value in headers:
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        separator = "; " if key == "HTTP_COOKIE" else ","
        named[key] = f"{named[key]}{separator}{value}" if key in named else value
    return named
