"""``/livez`` and ``/readyz``: whether this process serves, and whether its engines answer."""

import logging
from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from core.errors import DomainError
from registry.storage import configured_store

logger = logging.getLogger(__name__)


def livez(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answer 200 while the process serves."""
    return HttpResponse("ok\n", content_type="text/plain")


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
