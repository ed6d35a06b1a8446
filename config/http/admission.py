"""Decides how large a body a request may send, before the body is read: by its route and its credentials.

1. Anybody may send SMALL_BYTES. Larger bodies need credentials.
2. A route that takes uploads takes a form of MAX_UPLOAD_BYTES from callers whose role may write there, as a stream to the disk.
3. Everything else may have MAX_INGEST_BYTES from a device, a program or a person, in memory.

The view checks the credentials again, and refuses as if nothing had been checked here.
"""

from dataclasses import dataclass
from importlib import import_module
from wsgiref.types import WSGIEnvironment

from django.conf import settings
from django.contrib.auth import get_user
from django.db import InterfaceError, OperationalError, close_old_connections
from django.http import HttpRequest
from django.urls import Resolver404, resolve

from config.web.requests import TextRequest
from core import tokens
from core.api.authentication import role_of
from core.errors import DomainError
from core.roles import Area, Role, roles_that_may
from fleet.devices.tokens import authenticate_device

# Enough for a login, and for all that a device sends before it has a token.
SMALL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a request may send.

    Attributes:
        count: Bytes.
        caller: Who sends it.
        is_upload: Whether the body is streamed to the disk; otherwise it is held in memory.
    """

    count: int
    caller: str = ""
    is_upload: bool = False


NOTHING_MORE = Allowance(SMALL_BYTES)


def admit(environ: WSGIEnvironment) -> Allowance:
    """Return what a request may send. It may ask the database, so it needs a thread."""
    close_old_connections()
    try:
        return _admit(TextRequest(environ))
    except DomainError:
        return NOTHING_MORE
    except (OperationalError, InterfaceError):
        # The view meets the same error, and answers 503.
        return NOTHING_MORE
    finally:
        close_old_connections()


def _admit(request: HttpRequest) -> Allowance:
    authorization = request.headers.get("Authorization", "")
    secret = authorization.partition(" ")[2].strip()
    if authorization and not secret.startswith(tokens.PREFIX):
        device = authenticate_device(authorization)
        return Allowance(settings.MAX_INGEST_BYTES, caller=f"device:{device.device_id}")
    caller, role = _find_program(secret) if authorization else _find_person(request)
    if role is None:
        return NOTHING_MORE
    area = _find_upload_area(request.path_info)
    is_form = request.content_type == "multipart/form-data"
    if is_form and area is not None and role in roles_that_may(area, write=True):
        return Allowance(settings.MAX_UPLOAD_BYTES, caller=caller, is_upload=True)
    return Allowance(settings.MAX_INGEST_BYTES, caller=caller)


def _find_program(secret: str) -> tuple[str, Role]:
    token = tokens.get(secret)
    return f"token:{token.pk}", Role(token.role)


def _find_person(request: HttpRequest) -> tuple[str, Role | None]:
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not key:
        return "", None
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    person = get_user(request)
    return f"person:{person.pk}", role_of(person)


def _find_upload_area(path: str) -> Area | None:
    """Return the area of the view that takes uploads at this path, None if there is none."""
    try:
        view = resolve(path).func
    except Resolver404:
        return None
    area: Area | None = getattr(getattr(view, "cls", view), "upload_area", None)
    return area
