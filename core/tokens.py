"""API tokens of programs: create, look up, revoke.

A token has 256 random bits, so its SHA-256 needs no salt. Only the digest is stored.
"""

import hashlib
import secrets

from django.db import transaction
from django.utils import timezone

from core import audit
from core.actors import Actor
from core.errors import Unauthenticated
from core.models import ApiToken
from core.roles import Role

PREFIX = "mf_"


class UnknownToken(Unauthenticated):
    """The bearer token is unknown or revoked."""

    code = "unknown_token"


def digest_of(token: str) -> str:
    """Return the lower-case hex SHA-256 that is stored in place of the token."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_secret(prefix: str) -> str:
    """Make a secret of 256 random bits. Its prefix tells people and scanners of source code which kind it is."""
    return prefix + secrets.token_urlsafe(32)


@transaction.atomic
def create(name: str, *, role: Role, actor: Actor) -> str:
    """Create a token and return it. This is the only time that its text is known."""
    secret = new_secret(PREFIX)
    token = ApiToken.objects.create(name=name, role=role, digest=digest_of(secret), created_by=str(actor))
    audit.record(
        actor, action="create", object_type="api_token", object_id=token.pk, after={"name": name, "role": role}
    )
    return secret


def get(secret: str) -> ApiToken:
    """Return the row of a token.

    Raises:
        UnknownToken: No token has this text, or it was revoked.
    """
    token = ApiToken.objects.filter(digest=digest_of(secret), revoked_at=None).first()
    if token is None:
        raise UnknownToken("The API token is unknown or revoked.")
    return token


@transaction.atomic
def revoke(token: ApiToken, *, actor: Actor) -> None:
    """Revoke a token, from the next request on. A second call changes nothing."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        audit.record(actor, action="revoke", object_type="api_token", object_id=token.pk, before={"name": token.name})
