"""``/livez`` and ``/readyz``: whether this process serves, and whether its engines answer."""

import logging
from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from core.errors import DomainError
from registry.storage import configured_store

logger = logging.getLogger(__name__)


def _only_read(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer other methods than GET and HEAD with 405. The check of CSRF tokens would answer 403 first; nothing is written here."""
    checked: Callable[[HttpRequest], HttpResponse] = csrf_exempt(require_safe(view))
    return checked


@_only_read
def livez(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answer 200 while the process serves."""
    return HttpResponse("ok\n", content_type="text/plain")


@_only_read
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answer 200 if database, Redis and object store answer, else 503. The body names those that do not, without addresses."""
    checks = {
        "database": _ask(_database),
        "redis": _ask(_redis),
        "objects": _ask(lambda: configured_store.blob_store().check()),
    }
    is_ready = all(state == "ok" for state in checks.values())
    if is_ready:
        return JsonResponse({"ready": True, **checks})
    return JsonResponse({"ready": False, **checks}, status=503, headers={"Retry-After": "5"})


def _ask(question: Callable[[], object]) -> str:
    try:
        question()
    except (DatabaseError, redis.RedisError, DomainError, OSError) as error:
        logger.warning("not ready: %s", type(error).__name__)
        return "unreachable"
    return "ok"


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _redis() -> None:
    redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2).ping()
