"""Sends requests to one route of the server's own application, in this process, with all of its middleware."""

import io
import itertools
import json
from typing import Any

from django.db import transaction
from django.http import HttpResponse

from config.http.environ import make_environ
from config.wsgi import application
from tests.rsgi_requests import Headers, Scope
from tests.security import callers
from tests.security.callers import Caller

_numbers = itertools.count(1)


class RouteClient:
    """Sends requests by any method, as any caller."""

    def __init__(self, path: str, *, query: str = "", body: Any = None) -> None:
        self._path, self._query = path, query
        self._body = json.dumps({} if body is None else body).encode()

    def request(self, method: str, caller: Caller, *, may_write: bool) -> HttpResponse:
        """Send one request, from an address of its own. If it may write, what it wrote is taken back."""
        # A savepoint takes longer than most refusals, and these write nothing.
        if not may_write:
            return self._send(method, caller)
        with transaction.atomic():
            answer = self._send(method, caller)
            transaction.set_rollback(True)
        return answer

    def _send(self, method: str, caller: Caller) -> HttpResponse:
        number = next(_numbers)
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:1"
        headers = callers.headers_of(caller)
        has_body = method not in {"GET", "HEAD", "OPTIONS"}
        if has_body:
            headers |= {"content-type": "application/json", "content-length": str(len(self._body))}
        environ = make_environ(
            Scope(
                method, self._path, Headers(list(headers.items())), self._query, client=address, authority="localhost"
            )
        )
        if has_body:
            environ["wsgi.input"] = io.BytesIO(self._body)
        return application.get_response(application.request_class(environ))
