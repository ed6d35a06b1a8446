"""Who sends a request: a program with a bearer token, or a person with a session."""

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication
from rest_framework.request import Request

from core import tokens
from core.actors import Actor
from core.guessing import wrong_secrets
from core.guessing.wrong_secrets import Secret
from core.models import ApiToken
from core.roles import Role
from core.tokens import UnknownToken

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema


@dataclass(frozen=True, slots=True)
class Program:
    """The ``request.user`` of a request with an API token."""

    token_id: int
    name: str
    role: Role
    is_authenticated: bool = True
    is_active: bool = True

    @property
    def pk(self) -> int:
        """The primary key of the token; DRF's throttles count requests by it."""
        return self.token_id


class ApiTokenAuthentication(authentication.BaseAuthentication):
    """Reads the header ``Authorization: Bearer <API token>``."""

    def authenticate(self, request: Request) -> tuple[Program, ApiToken] | None:
        """Return the program and its token, or None if the request has no token.

        Raises:
            UnknownToken: The token is unknown or revoked.
            Throttled: Too many different wrong tokens came from the address.
        """
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        address = request.META.get("REMOTE_ADDR", "")
        wrong_secrets.check(Secret.API_TOKEN, address=address)
        try:
            token = tokens.get(secret.strip())
        except UnknownToken:
            wrong_secrets.note(Secret.API_TOKEN, secret.strip(), address=address)
            raise
        return Program(token_id=token.pk, name=token.name, role=Role(token.role)), token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        """Return the value of WWW-Authenticate. Without it, DRF would answer 403 instead of 401."""
        return "Bearer"


class PersonAuthentication(authentication.SessionAuthentication):
    """Reads the session cookie. A request that writes needs the CSRF token in the header ``X-CSRFToken``."""

    def enforce_csrf(self, request: Request) -> None:
        """Check the CSRF token without the body.

        For POST, Django looks for the token in a form first, and so reads a whole upload before anyone checks the role.

        Raises:
            PermissionDenied: The token is missing or wrong.
        """
        headers_only = copy.copy(request._request)  # noqa: SLF001 - documented by DRF
        if headers_only.method == "POST":
            headers_only.method = "PUT"
        super().enforce_csrf(Request(headers_only))


class PersonScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped registry of classes
    """How the OpenAPI schema describes sessions."""

    target_class = PersonAuthentication
    name = "cookieAuth"

    def get_security_definition(self, auto_schema: "AutoSchema") -> dict[str, str]:  # noqa: ARG002 - spectacular's signature
        """Return the security scheme."""
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped registry of classes
    """How the OpenAPI schema describes API tokens."""

    target_class = ApiTokenAuthentication
    name = "apiToken"

    def get_security_definition(self, auto_schema: "AutoSchema") -> dict[str, str]:  # noqa: ARG002 - spectacular's signature
        """Return the security scheme."""
        return {"type": "http", "scheme": "bearer", "description": "An API token; it has one role."}


def role_of(user: Program | AbstractBaseUser | AnonymousUser) -> Role | None:
    """Return the role: that of the token, ``admin`` for superusers, else the strongest role among the person's groups."""
    if isinstance(user, Program):
        return user.role
    if not user.is_authenticated or not user.is_active:
        return None
    if getattr(user, "is_superuser", False):
        return Role.ADMIN
    names = set(user.groups.values_list("name", flat=True)) if hasattr(user, "groups") else set()
    return next(
        (role for role in (Role.ADMIN, Role.OPERATOR, Role.ML_ENGINEER, Role.VIEWER) if role.value in names), None
    )


def actor_of(user: Program | AbstractBaseUser | AnonymousUser) -> Actor:
    """Return the caller as the audit trail names it."""
    if isinstance(user, Program):
        return Actor(kind="token", name=user.name)
    if not user.is_authenticated:
        return Actor(kind="system", name="not logged in")
    return Actor(kind="person", name=user.get_username())
