"""The answer to a request, complete in memory."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from wsgiref.types import WSGIApplication, WSGIEnvironment

from django.http import HttpResponse

from config.web import headers, problems
from core.errors import DomainError


@dataclass(slots=True)
class Answer:
    """Status, headers and body."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes


def collect(application: WSGIApplication, environ: WSGIEnvironment) -> Answer:
    """Call an application of WSGI and collect its answer. The answers of this server are short."""
    started = list[tuple[str, list[tuple[str, str]]]]()

    def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], object]:
        started.append((status, headers))
        return lambda _part: None

    parts = application(environ, start)
    try:
        content = b"".join(parts)
    finally:
        if close := getattr(parts, "close", None):
            close()
    status, headers = started[-1]
    return Answer(int(status.split(" ", 1)[0]), list(headers), content)


def refuse(error: DomainError) -> Answer:
    """Return the answer to a request that Django has not seen."""
    response: HttpResponse = problems.problem(error.kind.value, code=error.code, detail=error.detail, extra=error.extra)
    response["X-Request-Id"] = uuid.uuid4().hex
    for name, value in headers.defaults(content_type=response["Content-Type"]).items():
        response[name] = value
    return Answer(response.status_code, list(response.items()), response.content)
