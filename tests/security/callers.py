"""Everybody who may call the server, and what each sends to say who they are."""

from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore

from core import tokens
from core.actors import SYSTEM
from core.models import ApiToken
from core.roles import Role
from fleet.devices import tokens as device_tokens
from fleet.devices import verbs as devices
from tests import fleet_rows

CSRF = "a" * 32


@dataclass(frozen=True)
class Caller:
    """A caller. ``grants`` are the words of the table in ``access`` that mean this caller."""

    name: str
    grants: frozenset[str] = frozenset()
    headers: dict[str, str] = field(default_factory=dict)
    is_person: bool = False
    sends_csrf: bool = True

    def __str__(self) -> str:
        return self.name


def make() -> list[Caller]:
    """Write the rows of all callers, and return these."""
    own, other, revoked = (
        fleet_rows.Device.objects.get(device_id="edge-1"),
        *map(fleet_rows.make_device, ("edge-2", "edge-3")),
    )
    secrets = {device: device_tokens.issue_token(device) for device in (own, other, revoked)}
    devices.revoke("edge-3", actor=SYSTEM)
    _, key = fleet_rows.make_key(max_uses=10)
    return [
        Caller("nobody"),
        *(Caller(f"token {role}", frozenset({role}), _bearer(_token(role))) for role in Role),
        *(_person(f"person {role}", role=role) for role in Role),
        _person("person without a role"),
        _person("inactive admin", role=Role.ADMIN, is_active=False),
        _person("admin without CSRF token", role=Role.ADMIN, sends_csrf=False),
        Caller("own device", frozenset({"own device"}), _bearer(secrets[own])),
        Caller("other device", frozenset({"other device"}), _bearer(secrets[other])),
        Caller("revoked device", frozenset(), _bearer(secrets[revoked])),
        Caller("enrollment key", frozenset(), _bearer(key)),
        Caller("revoked token", frozenset(), _bearer(_revoked())),
    ]  # fmt: skip


def _bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def _token(role: Role) -> str:
    return tokens.create(f"matrix-{role}", role=role, actor=SYSTEM)


def _revoked() -> str:
    secret = _token(Role.ADMIN)
    tokens.revoke(ApiToken.objects.get(digest=tokens.digest_of(secret)), actor=SYSTEM)
    return secret


def _person(name: str, *, role: Role | None = None, is_active: bool = True, sends_csrf: bool = True) -> Caller:
    user = User.objects.create_user(name.replace(" ", "-"), is_active=is_active)
    user.groups.set(Group.objects.filter(name=role))
    session = SessionStore()
    backend = settings.AUTHENTICATION_BACKENDS[-1]
    session.update(
        {SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: backend, HASH_SESSION_KEY: user.get_session_auth_hash()}
    )
    session.create()
    cookies = f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
    grants = frozenset({role.value}) if role and is_active else frozenset()
    headers = {"cookie": cookies}
    return Caller(name, grants, headers, is_person=is_active, sends_csrf=sends_csrf)


def headers_of(caller: Caller) -> dict[str, str]:
    """Return the headers, with a pair of CSRF tokens, which anybody can make up."""
    if not caller.sends_csrf:
        return dict(caller.headers)
    cookies = "; ".join(filter(None, (caller.headers.get("cookie"), f"{settings.CSRF_COOKIE_NAME}={CSRF}")))
    return {**caller.headers, "cookie": cookies, "x-csrftoken": CSRF}
