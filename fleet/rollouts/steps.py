"""The beat's steps for rollouts that run or roll back. A step takes the rollout's lock, or skips a rollout that is locked.

1. A running rollout that covers fewer than ``min_devices`` of today's devices is widened.
2. If the stage is over (``fleet.rollouts.stages``), the rollout goes to the next one, or completes.
3. A roll-back is finished when every updated device that is reachable is back.
"""

import logging
import uuid
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from core.actors import SYSTEM
from core.errors import DomainError
from fleet.models import Deployment, Device, Rollout
from fleet.rollouts import members as rollout_members
from fleet.rollouts import progress
from fleet.rollouts import verbs as rollouts
from fleet.rollouts.members import Member
from fleet.rollouts.stages import Stage, Step
from fleet.states import OPEN_DEPLOYMENT_STATES, UPDATED_DEPLOYMENT_STATES, RolloutState, RolloutVerb
from registry.offers.offerable import VersionNotOfferable

logger = logging.getLogger(__name__)


def take_all(*, now: datetime) -> int:
    """Take the step that is due on every running or rolling-back rollout; return how many changed state or stage."""
    rows = Rollout.objects.filter(state__in=[RolloutState.RUNNING, RolloutState.ROLLING_BACK])
    return sum(_take_safely(rollout_id, now=now) for rollout_id in rows.values_list("pk", flat=True))


def _take_safely(rollout_id: uuid.UUID, *, now: datetime) -> bool:
    # A refusal of one rollout must not stop the steps of the others.
    try:
        return take(rollout_id, now=now)
    except DomainError as error:
        logger.warning("rollout %s takes no step: %s", rollout_id, error.detail)
        return False


@transaction.atomic
def take(rollout_id: uuid.UUID, *, now: datetime) -> bool:
    """Take the step that is due on one rollout; False if none is due, or another transaction holds the rollout."""
    rollout = (
        Rollout.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        .select_related("channel__model", "channel__version", "version__model")
        .filter(pk=rollout_id)
        .first()
    )
    if rollout is None:
        return False
    if rollout.state == RolloutState.ROLLING_BACK:
        return _finish(rollout, now=now)
    return rollout.state == RolloutState.RUNNING and _proceed(rollout, now=now)


def _proceed(rollout: Rollout, *, now: datetime) -> bool:
    if not rollout.version.is_offerable:
        # Another channel's roll-back quarantined the version while this rollout began: no device gets the version any more.
        rollouts.pause(rollout.pk, actor=SYSTEM, reason=f"Paused: {rollout.version} is quarantined or no longer READY.")
        return True
    members = rollout_members.list_members_of(rollout)
    _widen(rollout, members=members)
    standing = progress.measure(rollout, members=members, now=now)
    if standing.step is Step.HOLD:
        return False
    sentence = standing.verdict[0].upper() + standing.verdict[1:] + "."
    if standing.step is Step.ADVANCE:
        rollouts.advance(rollout.pk, actor=SYSTEM, reason=sentence, members=members)
    else:
        _complete(rollout, sentence)
    return True


def _widen(rollout: Rollout, *, members: Sequence[Member]) -> None:
    stage = Stage.read(rollout.stages[rollout.stage_index])
    limit = rollout_members.choose_limit(members, stage=stage, floor=rollout.bucket_limit)
    if limit > rollout.bucket_limit:
        rollouts.widen(rollout, limit=limit, actor=SYSTEM)


def _complete(rollout: Rollout, sentence: str) -> None:
    try:
        with transaction.atomic():
            rollouts.complete(rollout.pk, actor=SYSTEM, reason=sentence)
    except VersionNotOfferable as error:
        rollouts.pause(rollout.pk, actor=SYSTEM, reason=f"Paused: {error.detail}")


def _finish(rollout: Rollout, *, now: datetime) -> bool:
    remaining = count_remaining(rollout, now=now)
    if remaining and not _is_overdue(rollout, now=now):
        return False
    reason = f"{remaining} devices did not come back in time." if remaining else "Every reachable device is back."
    rollouts.finish_roll_back(rollout.pk, actor=SYSTEM, reason=reason)
    return True


def count_remaining(rollout: Rollout, *, now: datetime) -> int:
    """Count the reachable devices that still run the rolled-back version, or are on their way back."""
    is_seen = Q(last_seen_at__gt=now - settings.UNREACHABLE_AFTER)
    updated = Device.objects.filter(
        is_seen, deployments__rollout=rollout, deployments__state__in=UPDATED_DEPLOYMENT_STATES
    )
    newest = (
        Deployment.objects.filter(device__in=updated, model=rollout.channel.model_id)
        .order_by("device_id", "-offered_at")
        .distinct("device_id")
    )
    return sum(
        attempt.state in OPEN_DEPLOYMENT_STATES or attempt.version_id == rollout.version_id for attempt in newest
    )


def _is_overdue(rollout: Rollout, *, now: datetime) -> bool:
    begun = rollout.events.filter(event=RolloutVerb.ROLL_BACK).last()
    return begun is None or begun.at < now - settings.DEPLOYMENT_LEASE
