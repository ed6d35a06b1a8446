"""Deployments: a device's attempt at a variant, from its first offer to its end.

1. ``offer`` writes the attempt when a device first gets the offer. The same offer later finds the same attempt.
2. ``report`` applies each report of the device once, in any order of arrival.
3. ``sweep`` ends attempts that outlive their lease, and offers to devices that have gone silent.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from core.errors import Missing
from fleet import states
from fleet.devices.labels import Document, clean_document
from fleet.models import Deployment, Device, Subscription
from fleet.states import OPEN_DEPLOYMENT_STATES, PRESUMED, UNSUCCESSFUL, DeploymentState
from registry.models import Channel

_SWEPT_AT_ONCE: Final = 1_000


class UnknownAttempt(Missing):
    """The device was never offered this attempt."""

    code = "unknown_attempt"


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a device about an attempt; ``seq`` orders the reports of one attempt."""

    attempt_id: uuid.UUID
    seq: int
    state: DeploymentState
    detail: Document = field(default_factory=dict)
    active_providers: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """A variant for one device, byte for byte, with the release counter of the act that assigns it."""

    version_id: int
    variant_id: int
    sha256: str
    release_counter: int
    rollout_id: str | None = None


@transaction.atomic
def offer(offered: Offer, *, device_pk: int, model_pk: int, now: datetime) -> Deployment:
    """Return the attempt for an offer: the newest attempt if it had the same offer, else a new one.

    A new attempt supersedes an older one that is still open. The lock on the device's row orders concurrent polls.
    """
    Device.objects.select_for_update(no_key=True).only("pk").get(pk=device_pk)
    newest = Deployment.objects.filter(device_id=device_pk, model_id=model_pk).order_by("-offered_at").first()
    if newest is not None and _is_same_offer(newest, offered):
        return _carry_on(newest, offered, now=now)
    if newest is not None and states.can_move(DeploymentState(newest.state), DeploymentState.SUPERSEDED):
        newest.state, newest.updated_at = DeploymentState.SUPERSEDED, now
        newest.save(update_fields=["state", "updated_at"])
    # The lock orders attempts, not the clock: a clock may be set back, and a poll may have waited for another poll.
    offered_at = max(now, newest.offered_at + timedelta(microseconds=1)) if newest is not None else now
    return Deployment.objects.create(
        device_id=device_pk,
        model_id=model_pk,
        version_id=offered.version_id,
        variant_id=offered.variant_id,
        sha256=offered.sha256,
        rollout_id=offered.rollout_id,
        release_counter=offered.release_counter,
        offered_at=offered_at,
        updated_at=now,
    )


@transaction.atomic
def report(reported: Report, *, device_pk: int, now: datetime) -> DeploymentState:
    """Apply a report and return the state of the attempt. A repeated, late or misplaced report changes nothing.

    Raises:
        UnknownAttempt: The device was never offered this attempt.
    """
    rows = Deployment.objects.select_for_update().filter(pk=reported.attempt_id, device_id=device_pk)
    attempt = rows.first()
    if attempt is None:
        raise UnknownAttempt(f"There is no attempt {reported.attempt_id} of this device.")
    before = DeploymentState(attempt.state)
    if reported.seq <= attempt.last_seq or not states.can_move(before, reported.state):
        return before
    if before in PRESUMED and _has_newer(attempt):
        return before
    attempt.state = reported.state
    attempt.last_seq = reported.seq
    attempt.detail = clean_document(reported.detail)
    attempt.failure_class = _failure_class(reported)
    attempt.active_providers = clean_document(list(reported.active_providers)) or attempt.active_providers
    attempt.updated_at = now
    attempt.save()
    return reported.state


def sweep(*, now: datetime) -> int:
    """End open attempts whose time has passed; return how many.

    *Unreachable*: still only offered, and the device was not seen since. *Timed out*: any open state for longer than its
    lease. The next sweep takes the rows that another transaction holds.
    """
    return _end_unreachable(now) + _end_timed_out(now)


@transaction.atomic
def _end_unreachable(now: datetime) -> int:
    silent = Q(device__last_seen_at=None) | Q(device__last_seen_at__lte=F("updated_at") + timedelta(seconds=1))
    rows = Deployment.objects.filter(
        silent, state=DeploymentState.OFFERED, updated_at__lt=now - settings.UNREACHABLE_AFTER
    )
    return _end(rows, DeploymentState.UNREACHABLE, now=now)


@transaction.atomic
def _end_timed_out(now: datetime) -> int:
    # An operator may set a probation longer than the lease, so the probation comes on top of the lease.
    lease = settings.DEPLOYMENT_LEASE
    followed = Subscription.objects.filter(device=OuterRef(OuterRef("device")), model_slug=OuterRef("model__slug"))
    channel = Channel.objects.filter(model=OuterRef("model"), name=Subquery(followed.values("channel_name")[:1]))
    rows = (
        Deployment.objects.filter(state__in=OPEN_DEPLOYMENT_STATES, updated_at__lt=now - lease)
        .order_by("updated_at")
        .values_list("pk", "state", "updated_at", Coalesce("rollout__policy", Subquery(channel.values("policy")[:1])))
    )
    is_overdue = (
        pk
        for pk, state, updated_at, policy in rows.iterator()
        if state != DeploymentState.ACTIVATED or updated_at < now - lease - _probation_of(policy)
    )
    overdue = list(islice(is_overdue, _SWEPT_AT_ONCE))
    return _end(
        Deployment.objects.filter(pk__in=overdue, updated_at__lt=now - lease), DeploymentState.TIMED_OUT, now=now
    )


def _end(rows: QuerySet[Deployment], state: DeploymentState, *, now: datetime) -> int:
    sources = [before for before in OPEN_DEPLOYMENT_STATES if states.can_move(before, state)]
    held = rows.filter(state__in=sources).select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)
    return int(Deployment.objects.filter(pk__in=list(held[:_SWEPT_AT_ONCE])).update(state=state, updated_at=now))


def _probation_of(policy: Mapping[str, str | int] | None) -> timedelta:
    return timedelta(seconds=int((policy or {}).get("probation_s", settings.PROBATION_SECONDS)))


def _is_same_offer(newest: Deployment, offered: Offer) -> bool:
    if (newest.variant_id, newest.sha256) != (offered.variant_id, offered.sha256):
        return False
    own_rollout = str(newest.rollout_id) if newest.rollout_id else None
    # A rollout counts only its own attempts. A device that runs the version already confirms it again, without a download.
    if newest.state == DeploymentState.SUPERSEDED or offered.rollout_id not in {None, own_rollout}:
        return False
    if newest.state not in UNSUCCESSFUL:
        return True
    # Only another act repeats a failed attempt: another rollout, a pin, a move of the channel. The next stage does not.
    if offered.rollout_id is not None:
        return True
    return own_rollout is None and offered.release_counter <= newest.release_counter


def _carry_on(attempt: Deployment, offered: Offer, *, now: datetime) -> Deployment:
    changed = []
    if attempt.state in PRESUMED:
        # The device polls again, so it was neither lost nor too late.
        attempt.state, attempt.updated_at = DeploymentState.OFFERED, now
        changed += ["state", "updated_at"]
    if attempt.release_counter != offered.release_counter and attempt.state not in UNSUCCESSFUL:
        attempt.release_counter = offered.release_counter
        changed.append("release_counter")
    if changed:
        attempt.save(update_fields=changed)
    return attempt


def _has_newer(attempt: Deployment) -> bool:
    rows = Deployment.objects.filter(device_id=attempt.device_id, model_id=attempt.model_id)
    return rows.filter(offered_at__gt=attempt.offered_at).exists()


def _failure_class(reported: Report) -> str:
    if reported.state not in UNSUCCESSFUL:
        return ""
    return str(clean_document(str(reported.detail.get("class", "unknown"))))[:60]
