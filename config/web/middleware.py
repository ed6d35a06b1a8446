"""Our middleware: proxies, request ids, the actor, NUL in addresses, database outages, interrupted uploads, and the headers of answers."""

import uuid
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse

from config.web import headers, problems
from config.web.request_ids import current
from core import actors
from core.api.authentication import actor_of
from core.errors import Invalid
from core.formats.network_addresses import read_address, read_network

_Address = IPv4Address | IPv6Address
_Networks = Sequence[IPv4Network | IPv6Network]
type_of_next = Callable[[HttpRequest], HttpResponse]


def request_ids(get_response: type_of_next) -> type_of_next:
    """Take ``X-Request-Id`` from the request if it is short and has only letters, digits and hyphens, else make one; answer with it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        chosen = given if given.replace("-", "").isalnum() and len(given) <= 64 else uuid.uuid4().hex
        token = current.set(chosen)
        try:
            response = get_response(request)
        finally:
            current.reset(token)
        response["X-Request-Id"] = chosen
        return response

    return middleware


def trust_proxies(get_response: type_of_next) -> type_of_next:
    """Use ``X-Forwarded-For``, ``-Host`` and ``-Proto`` from TRUSTED_PROXIES, and from nobody else.

    ``REMOTE_ADDR`` becomes the address of the client: the right-most one in ``X-Forwarded-For`` that is no trusted proxy. A client
    can write what it likes to the left of that.
    """
    networks = [read_network(text) for text in settings.TRUSTED_PROXIES]

    def middleware(request: HttpRequest) -> HttpResponse:
        meta = request.META
        host, scheme, forwarded = (meta.pop(f"HTTP_X_FORWARDED_{name}", "") for name in ("HOST", "PROTO", "FOR"))
        peer = read_address(meta.get("REMOTE_ADDR", ""))
        if peer is None:
            return get_response(request)
        if _is_in(peer, networks):
            if host:
                meta["HTTP_HOST"] = host.split(",")[-1].strip()
            if scheme in {"http", "https"}:
                meta["wsgi.url_scheme"] = scheme
                request.environ["wsgi.url_scheme"] = scheme  # type: ignore[attr-defined]  # WSGIRequest reads it here
        meta["REMOTE_ADDR"] = str(_choose_client(peer, forwarded, proxies=networks))
        return get_response(request)

    return middleware


def _choose_client(peer: _Address, forwarded: str, *, proxies: _Networks) -> _Address:
    client = peer
    for hop in reversed(forwarded.split(",")):
        before = read_address(hop)
        if before is None or not _is_in(client, proxies):
            break
        client = before
    return client


def _is_in(address: _Address, networks: _Networks) -> bool:
    return any(address in network for network in networks)


def set_request_actor(get_response: type_of_next) -> type_of_next:
    """Name the caller to the audit trail, for changes of people that pass no verb (``core.people.auditing``)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with actors.acting(lambda: actor_of(request.user)):
            return get_response(request)

    return middleware


def refuse_nul(get_response: type_of_next) -> type_of_next:
    """Refuse U+0000 in addresses, for every view. PostgreSQL cannot store it, so no object has such a name."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info:
            raise Http404
        if "%00" in request.META.get("QUERY_STRING", ""):
            for name, values in request.GET.lists():
                if "\0" in name or any("\0" in value for value in values):
                    return _refuse_parameter(request, name.replace("\0", ""))
        return get_response(request)

    return middleware


def _refuse_parameter(request: HttpRequest, name: str) -> HttpResponse:
    if not request.path.startswith("/api/"):
        return problems.bad_request(request, SuspiciousOperation("NUL in the query"))
    refusal = Invalid.field(name, "may not contain NUL.")
    return problems.problem(400, code=refusal.code, detail=refusal.detail, extra=refusal.extra)


def database_outages(get_response: type_of_next) -> type_of_next:
    """Answer 503 with Retry-After if PostgreSQL cannot be reached, on pages too. On the API, DRF's handler does so."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: HttpRequest, error: Exception) -> HttpResponse | None:  # noqa: ARG001 - Django's hook
        return problems.respond(error) if isinstance(error, OperationalError | InterfaceError) else None

    middleware.process_exception = process_exception  # type: ignore[attr-defined]  # Django looks the hook up here
    return middleware


def remove_interrupted_uploads(get_response: type_of_next) -> type_of_next:
    """Remove the temporary files of an upload after the view has answered, complete or not.

    If reading the body raises, Django leaves the files to the garbage collector, and the traceback of the exception keeps them
    for a long time.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.content_type == "multipart/form-data":
            for handler in request.upload_handlers:
                handler.upload_interrupted()
        return response

    return middleware


def answer_headers(get_response: type_of_next) -> type_of_next:
    """Give every answer the headers of ``config.web.headers``, except for the policy of static files, which are no documents."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        content_type = response.get("Content-Type", "")
        found = headers.defaults(content_type=content_type, hsts_seconds=settings.SECURE_HSTS_SECONDS)
        if request.path.startswith(settings.STATIC_URL):
            del found["Content-Security-Policy"]
        for name, value in found.items():
            response.headers.setdefault(name, value)
        return response

    return middleware
