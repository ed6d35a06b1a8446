"""Translate errors into HTTP answers: ``application/problem+json`` (RFC 9457) on the API, pages elsewhere."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from rest_framework import exceptions
from rest_framework.views import set_rollback

from core.errors import DomainError, Invalid, Kind

logger = logging.getLogger(__name__)

# The codes for errors of Django and DRF, by status.
_CODES = {
    400: "invalid",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
    429: "throttled",
    500: "internal_error",
    503: "unavailable",
}


def problem(status: int, *, code: str, detail: str, extra: Mapping[str, object] | None = None) -> JsonResponse:
    """Build a response of problem+json."""
    body = {
        "type": f"about:blank#{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    response = JsonResponse({**(extra or {}), **body}, status=status, content_type="application/problem+json")
    if status in {429, 503}:
        response["Retry-After"] = str((extra or {}).get("retry_after_seconds", 5))
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    return response


def handle(error: Exception, context: object) -> HttpResponse | None:  # noqa: ARG001 - DRF's signature
    """Answer an error in a view of the API; the setting EXCEPTION_HANDLER names this function."""
    response = respond(error)
    if response is not None:
        set_rollback()
    return response


def respond(error: Exception) -> HttpResponse | None:
    """Return the answer to a refusal or an outage; None for an error that is a fault of the server."""
    if isinstance(error, DomainError):
        return problem(error.kind.value, code=error.code, detail=error.detail, extra=error.extra)
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("database unreachable: %s", type(error).__name__)
        return problem(503, code="database_unavailable", detail="The database cannot be reached; try again.")
    if isinstance(error, exceptions.ValidationError):
        found = _flatten(error.detail)
        detail = "; ".join(f"{row['field']}: {row['message']}" if row["field"] else row["message"] for row in found)
        return problem(400, code="invalid", detail=detail, extra={"errors": found})
    if isinstance(error, exceptions.APIException):
        wait = getattr(error, "wait", None)
        extra = {"retry_after_seconds": int(wait)} if wait else {}
        return problem(
            error.status_code, code=_CODES.get(error.status_code, "refused"), detail=str(error.detail), extra=extra
        )
    for kind, (status, code, detail) in _DJANGO.items():
        if isinstance(error, kind):
            return problem(status, code=code, detail=detail)
    return None


# Refusals of Django itself. Subclasses come before their base class, because the first match counts.
_DJANGO: dict[type[Exception], tuple[int, str, str]] = {
    UnreadablePostError: (400, "body_truncated", "The body ended before its announced length; nothing was kept."),
    RequestDataTooBig: (413, "too_large", "The body is larger than this server takes."),
    Http404: (404, "not_found", "Nothing is here."),
    PermissionDenied: (403, "forbidden", "This is not allowed."),
    SuspiciousOperation: (400, "invalid", "The request is malformed."),
}


def _flatten(detail: object, field: str = "") -> list[dict[str, str]]:
    if isinstance(detail, dict):
        return [row for key, value in detail.items() for row in _flatten(value, _join(field, key))]
    if isinstance(detail, list):
        return [
            row
            for index, value in enumerate(detail)
            for row in _flatten(value, field if isinstance(value, str) else _join(field, str(index)))
        ]
    return [{"field": field, "message": str(detail)}]


def _join(field: str, key: str) -> str:
    if key == "non_field_errors":
        return field
    return f"{field}.{key}" if field else key


class MalformedRequest(Invalid):
    """Django cannot read the request, or its host is none of ALLOWED_HOSTS."""


class RequestTooLarge(DomainError):
    """The body is larger than the caller may send."""

    code = "too_large"
    kind = Kind.TOO_LARGE


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's form of a handler
    """Answer 404 (Django's handler404): problem+json below /api, a page elsewhere."""
    if request.path.startswith("/api/"):
        return problem(404, code="not_found", detail=f"Nothing is routed at {request.path}.")
    return _page("404.html", status=404, request=request)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 (Django's handler403): problem+json below /api, a page elsewhere."""
    if request.path.startswith("/api/"):
        return problem(403, code="forbidden", detail="This is not allowed.")
    return _page("403.html", status=403, request=request, exception=str(exception))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 or 413 to a request that cannot be read (Django's handler400): problem+json below /api, a page elsewhere."""
    refusal: DomainError = MalformedRequest("The request is malformed, or its host is none of ALLOWED_HOSTS.")
    if isinstance(exception, RequestDataTooBig):
        refusal = RequestTooLarge("The body is larger than this server takes.")
    if request.path.startswith("/api/"):
        return problem(refusal.kind.value, code=refusal.code, detail=refusal.detail)
    return _page("refusal.html", status=refusal.kind.value, error=refusal)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 (Django's handler500): problem+json below /api, a page elsewhere."""
    if request.path.startswith("/api/"):
        return problem(500, code="internal_error", detail="A fault of the server; it was logged.")
    return _page("500.html", status=500)


def _page(template: str, *, status: int, request: HttpRequest | None = None, **context: object) -> HttpResponse:
    """Return a page. Without a request the page asks neither the database nor the session.

    Django's own views of errors look for a CSRF token in the body, and fail if the body is the reason.
    """
    from django.template import loader  # noqa: PLC0415 - the API needs no templates

    return HttpResponse(loader.render_to_string(template, context, request), status=status)
