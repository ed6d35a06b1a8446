"""Enrollment keys: create and revoke. ``fleet.devices.enrollment`` uses them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from core import audit
from core.actors import Actor
from core.errors import Invalid, Missing
from core.tokens import digest_of, new_secret
from fleet.devices.labels import check_labels
from fleet.devices.subscriptions import Follow, check_follows
from fleet.models import EnrollmentKey
from fleet.states import EnrollmentMode
from registry.compression.targets import get_target

PREFIX: Final = "mfe_"
DEFAULT_LIFE: Final = timedelta(hours=24)
MAX_USES: Final = 1_000_000


class UnknownEnrollmentKey(Missing):
    """No enrollment key has that number."""

    code = "unknown_enrollment_key_id"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to create: its limits, and the defaults for its devices."""

    name: str
    max_uses: int = 1
    expires_at: datetime | None = None
    mode: EnrollmentMode = EnrollmentMode.ACCEPT
    target: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    subscriptions: Sequence[Follow] = ()


@transaction.atomic
def create(new: NewKey, *, actor: Actor) -> tuple[EnrollmentKey, str]:
    """Create a key and return it with its secret, which cannot be shown again.

    Raises:
        Invalid: It would expire in the past, or a label or subscription breaks its rule.
        UnknownTarget: It is for a target that does not exist.
    """
    now = timezone.now()
    expires_at = new.expires_at or now + DEFAULT_LIFE
    if expires_at <= now:
        raise Invalid.field("expires_at", "must be in the future.")
    if new.target:
        get_target(new.target)
    secret = new_secret(PREFIX)
    key = EnrollmentKey.objects.create(
        name=new.name,
        digest=digest_of(secret),
        mode=new.mode,
        max_uses=new.max_uses,
        expires_at=expires_at,
        target=new.target,
        labels=check_labels(new.labels),
        subscriptions=[follow.as_stored() for follow in check_follows(new.subscriptions)],
        created_by=str(actor),
    )
    after = {"name": key.name, "mode": key.mode, "max_uses": key.max_uses, "expires_at": expires_at.isoformat()}
    audit.record(actor, action="create", object_type="enrollment_key", object_id=key.pk, after=after)
    return key, secret


@transaction.atomic
def revoke(key_id: int, *, actor: Actor) -> None:
    """Revoke a key; devices that it let in stay. Revoking it again changes nothing.

    Raises:
        UnknownEnrollmentKey: There is none.
    """
    key = EnrollmentKey.objects.filter(pk=key_id).first()
    if key is None:
        raise UnknownEnrollmentKey(f"There is no enrollment key {key_id}.")
    if EnrollmentKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=timezone.now()):
        audit.record(actor, action="revoke", object_type="enrollment_key", object_id=key_id, before={"name": key.name})
