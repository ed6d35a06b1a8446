"""Programs by bearer token, people by session."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication
from rest_framework.request import Request

from core import tokens
from core.actors import Actor
from core.roles import Role


@dataclass(frozen=True, slots=True)
class Program:
    """What ``request.user`` is for a request that bears an API token."""

    token_id: int
    name: str
    role: Role
    is_authenticated: bool = True
    is_active: bool = True

    @property
    def pk(self) -> int:
        """The token's key; throttles identify the caller by it."""
        return self.token_id


class ApiTokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer <API token>``."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the program, or None where the request bears no token.

        Raises:
            UnknownToken: It bears one that opens nothing.
        """
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = tokens.get(secret.strip())
        return Program(token_id=token.pk, name=token.name, role=Role(token.role)), token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        """Name the scheme in WWW-Authenticate, which makes DRF answer 401 and not 403."""
        return "Bearer"


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped registry of classes
    """How the schema shows it."""

    target_class = ApiTokenAuthentication
    name = "apiToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002 - spectacular's signature
        """Return the definition."""
        return {"type": "http", "scheme": "bearer", "description": "An API token; it has one role."}


def role_of(user: Program | AbstractBaseUser | AnonymousUser) -> Role | None:
    """Return the caller's role: a token's own, ``admin`` for superusers, else the strongest group named as a role."""
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
    """Return whom the audit trail names for this caller."""
    if isinstance(user, Program):
        return Actor(kind="token", name=user.name)
    return Actor(kind="person", name=user.get_username())
