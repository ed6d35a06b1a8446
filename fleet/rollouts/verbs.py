"""Verbs of rollouts, for operators and the beat. ``fleet.states`` says when a verb applies.

Every verb locks the rollout first and its model second. It takes the model's next release counter if it changes the version
that devices should run, and leaves an event (a sentence) and an audit entry. An act that takes devices out of the rollout
(pause, abort, roll-back) writes its counter on the channel too, so that no device ever gets a lower one.
"""

import uuid
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from core import audit
from core.actors import Actor
from core.errors import Conflict, Missing
from fleet import states
from fleet.models import Pin, Rollout, RolloutEvent
from fleet.rollouts import members as rollout_members
from fleet.rollouts import plans
from fleet.rollouts.members import Member
from fleet.rollouts.selectors import Selector
from fleet.rollouts.stages import Stage
from fleet.states import ACTIVE_ROLLOUT_STATES, OFFERING_ROLLOUT_STATES, RolloutState, RolloutVerb
from registry import channels
from registry.models import Channel, RegisteredModel, next_release_counter
from registry.offers import verbs as offers
from registry.offers.offerable import VersionNotOfferable
from registry.versions import registered_models
from registry.versions import verbs as versions


class UnknownRollout(Missing):
    """No rollout has that id."""

    code = "unknown_rollout"


class VerbDoesNotApply(Conflict):
    """The verb does not apply in the rollout's state; another person may have been faster."""

    code = "verb_does_not_apply"


class ChannelHasActiveRollout(Conflict):
    """Another rollout is moving the channel."""

    code = "channel_has_active_rollout"


class NothingToRollOut(Conflict):
    """The channel points to the version already."""

    code = "nothing_to_roll_out"


@transaction.atomic
def create(plan: plans.Plan, *, actor: Actor) -> Rollout:
    """Draft a rollout; nothing happens until it is started.

    Raises:
        DomainError: As ``plans.check``.
    """
    registered_models.lock(plan.model)
    checked = plans.check(plan)
    rollout_id = uuid.uuid4()
    rollout = Rollout.objects.create(
        id=rollout_id,
        channel=checked.channel,
        version=checked.version,
        previous_version=checked.channel.version,
        salt=checked.salt or str(rollout_id),
        selector=checked.selector.as_stored(),
        stages=[stage.as_stored() for stage in checked.stages],
        policy=dict(plan.policy),
        created_by=str(actor),
    )
    names = " → ".join(f"{stage.percent:g} %" for stage in checked.stages)
    _note(rollout, "created", f"Drafted {plan.version} for {checked.channel}: {names}.", actor=actor)
    return rollout


@transaction.atomic
def start(rollout_id: uuid.UUID, *, actor: Actor, reason: str = "") -> Rollout:
    """Begin the first stage.

    Raises:
        UnknownRollout: There is none.
        VerbDoesNotApply: It was started before.
        VersionNotOfferable: The version is not READY, or is quarantined.
        NothingToRollOut: The channel points there already.
        ChannelHasActiveRollout: Another rollout moves the channel.
    """
    rollout = _begin(rollout_id, RolloutVerb.START)
    channel = rollout.channel
    if not rollout.version.is_offerable:
        state = "quarantined" if rollout.version.quarantined_at else rollout.version.status
        raise VersionNotOfferable(f"{rollout.version} is {state}; devices are sent to READY versions only.")
    if channel.version_id == rollout.version_id:
        raise NothingToRollOut(f"{channel} points to {rollout.version.number} already.")
    check_no_active_rollout(channel)
    rollout.previous_version = channel.version
    rollout.started_at = timezone.now()
    _enter_stage(rollout, 0, members=rollout_members.list_members_of(rollout))
    _act(rollout, RolloutVerb.START, reason or _describe_stage(rollout), actor=actor)
    _fix_offers(rollout)
    return rollout


@transaction.atomic
def pause(rollout_id: uuid.UUID, *, actor: Actor, reason: str = "") -> Rollout:
    """Stop new offers; devices that have updated stay, attempts that had not switched yet go back.

    Raises:
        UnknownRollout: There is none.
        VerbDoesNotApply: It is not running. A rollout that another person paused keeps that person's reason.
    """
    rollout = _begin(rollout_id, RolloutVerb.PAUSE)
    _act(rollout, RolloutVerb.PAUSE, reason or "Paused; nobody new is offered the version.", actor=actor)
    channels.touch(rollout.channel, release_counter=rollout.release_counter)
    return rollout


@transaction.atomic
def resume(rollout_id: uuid.UUID, *, actor: Actor, reason: str = "") -> Rollout:
    """Go on with the stage. Its least duration starts again, because nothing was observed during the pause.

    Raises:
        UnknownRollout: There is none.
        VerbDoesNotApply: It is not paused.
        VersionNotOfferable: The version was quarantined in the meantime.
    """
    rollout = _begin(rollout_id, RolloutVerb.RESUME)
    if not rollout.version.is_offerable:
        raise VersionNotOfferable(f"{rollout.version} is quarantined or no longer READY.")
    rollout.stage_started_at = timezone.now()
    _act(rollout, RolloutVerb.RESUME, reason or "Resumed.", actor=actor)
    return rollout


@transaction.atomic
def advance(
    rollout_id: uuid.UUID, *, actor: Actor, reason: str = "", members: Sequence[Member] | None = None
) -> Rollout:
    """Go to the next stage at once; after the last one the rollout completes.

    ``members`` are the rollout's, where the caller has read them in this transaction.

    Raises:
        UnknownRollout: There is none.
        VerbDoesNotApply: It is not running.
        VersionNotOfferable: It would complete, and the version was quarantined in the meantime.
    """
    rollout = _begin(rollout_id, RolloutVerb.ADVANCE)
    if rollout.stage_index + 1 == len(rollout.stages):
        return _complete(rollout, reason, actor=actor)
    known = rollout_members.list_members_of(rollout) if members is None else members
    _enter_stage(rollout, rollout.stage_index + 1, members=known)
    sentence = _describe_stage(rollout) + (f" {reason}" if reason else "")
    _act(rollout, RolloutVerb.ADVANCE, sentence, actor=actor)
    _fix_offers(rollout)
    return rollout


@transaction.atomic
def complete(rollout_id: uuid.UUID, *, actor: Actor, reason: str = "") -> Rollout:
    """Complete a rollout: point its channel to its version.

    Raises:
        UnknownRollout: There is none.
        VerbDoesNotApply: It is not running.
        VersionNotOfferable: The version was quarantined in the meantime.
    """
    return _complete(_begin(rollout_id, RolloutVerb.COMPLETE), reason, actor=actor)


@transaction.atomic
def abort(rollout_id: uuid.UUID, *, actor: Actor, reason: str = "") -> Rollout:
    """End a rollout, and send all its devices to the channel's version. The version may be rolled out again.

    Raises:
        UnknownRollout: There is none.
        VerbDoesNotApply: It is over already.
    """
    rollout = _begin(rollout_id, RolloutVerb.ABORT)
    was_active = rollout.state in ACTIVE_ROLLOUT_STATES
    rollout.ended_at = timezone.now()
    sentence = reason or f"Aborted; everybody follows {rollout.channel} to {rollout.channel.version.number}."
    _act(rollout, RolloutVerb.ABORT, sentence, actor=actor, counts=was_active)
    if was_active:
        channels.touch(rollout.channel, release_counter=rollout.release_counter)
    return rollout


@transaction.atomic
def roll_back(rollout_id: uuid.UUID, *, actor: Actor, reason: str = "") -> Rollout:
    """Undo a rollout: quarantine its version, and send every device back with a higher release counter.

    Other active rollouts of the same version, on other channels, are undone with it. The rollout is ``rolling_back`` until the
    updated devices are back (``fleet.rollouts.steps``).

    Raises:
        UnknownRollout: There is none.
        VerbDoesNotApply: It is not active.
    """
    found = _get(rollout_id)
    same = Rollout.objects.filter(version=found.version, state__in=OFFERING_ROLLOUT_STATES)
    # Lock all rollouts in the order of their keys, and the model after them, so that no two verbs wait for each other.
    rollouts = {
        row.pk: row for row in _locking().filter(pk__in=[*same.values_list("pk", flat=True), rollout_id]).order_by("pk")
    }
    rollout = rollouts.pop(rollout_id)
    _check_applies(rollout, RolloutVerb.ROLL_BACK)
    _lock_model(rollout)
    sentence = reason or f"Rolled back to {rollout.channel.version.number}."
    versions.quarantine(rollout.version, reason=f"Rolled back from {rollout.channel}: {sentence}", actor=actor)
    _undo(rollout, sentence, actor=actor)
    for other in rollouts.values():
        if states.find_next(RolloutState(other.state), RolloutVerb.ROLL_BACK) is not None:
            _undo(
                other, f"{other.version.number} was quarantined by the roll-back from {rollout.channel}.", actor=actor
            )
    # Pins to a quarantined version end with this act, on every channel, so they take its release counter too.
    Pin.objects.filter(version=rollout.version).update(release_counter=rollout.release_counter)
    return rollout


def check_no_active_rollout(channel: Channel) -> None:
    """Refuse if a rollout is moving the channel. The registry asks this before a person moves a channel.

    Raises:
        ChannelHasActiveRollout: Naming the rollout.
    """
    active = Rollout.objects.filter(channel=channel, state__in=ACTIVE_ROLLOUT_STATES).first()
    if active is not None:
        message = f"{channel} is being moved by the rollout {active.pk} ({active.state})."
        raise ChannelHasActiveRollout(message, rollout_id=str(active.pk))


@transaction.atomic
def widen(rollout: Rollout, *, limit: int, actor: Actor) -> None:
    """Cover up to a higher bucket within the stage, because devices joined. The caller holds the rollout's lock."""
    _lock_model(rollout)
    rollout.bucket_limit = limit
    rollout.release_counter = next_release_counter(rollout.channel.model_id)
    rollout.save(update_fields=["bucket_limit", "release_counter"])
    _note(rollout, "widened", f"Devices joined: buckets below {limit} are covered now.", actor=actor)


@transaction.atomic
def finish_roll_back(rollout_id: uuid.UUID, *, actor: Actor, reason: str) -> Rollout:
    """End a roll-back: every device that can come back is back.

    Raises:
        UnknownRollout: There is none.
        VerbDoesNotApply: It is not rolling back.
    """
    rollout = _begin(rollout_id, RolloutVerb.FINISH_ROLL_BACK)
    rollout.ended_at = timezone.now()
    _act(rollout, RolloutVerb.FINISH_ROLL_BACK, reason, actor=actor, counts=False)
    return rollout


def _undo(rollout: Rollout, sentence: str, *, actor: Actor) -> None:
    _act(rollout, RolloutVerb.ROLL_BACK, sentence, actor=actor)
    channels.touch(rollout.channel, release_counter=rollout.release_counter)


def _complete(rollout: Rollout, reason: str, *, actor: Actor) -> Rollout:
    rollout.channel = channels.move(rollout.channel, version=rollout.version, actor=actor)
    rollout.ended_at = timezone.now()
    sentence = f"Completed: {rollout.channel} points to {rollout.version.number}." + (f" {reason}" if reason else "")
    _act(rollout, RolloutVerb.COMPLETE, sentence, actor=actor, counts=False)
    return rollout


def _enter_stage(rollout: Rollout, index: int, *, members: Sequence[Member]) -> None:
    stage = Stage.read(rollout.stages[index])
    rollout.stage_index, rollout.stage_started_at = index, timezone.now()
    rollout.bucket_limit = rollout_members.choose_limit(members, stage=stage, floor=rollout.bucket_limit)


def _fix_offers(rollout: Rollout) -> None:
    selected = Selector.read(rollout.selector).targets
    offers.fix(rollout.version, release_counter=rollout.release_counter, targets=selected or None)


def _act(rollout: Rollout, verb: RolloutVerb, sentence: str, *, actor: Actor, counts: bool = True) -> None:
    """Move the state by the table; take the next release counter if the act ``counts`` for devices."""
    before = RolloutState(rollout.state)
    following = states.find_next(before, verb)
    if following is None:
        raise _refusal(rollout, verb)
    rollout.state = following
    rollout.reason = sentence
    if counts:
        rollout.release_counter = next_release_counter(rollout.channel.model_id)
    rollout.save()
    _note(rollout, verb, sentence, actor=actor, before=before)


def _note(rollout: Rollout, event: str, sentence: str, *, actor: Actor, before: str | None = None) -> None:
    RolloutEvent.objects.create(rollout=rollout, actor=str(actor), event=event, sentence=sentence)
    after = {"state": rollout.state, "stage": rollout.stage_index, "reason": sentence, "channel": str(rollout.channel)}
    state = {"state": before} if before else None
    audit.record(actor, action=event, object_type="rollout", object_id=rollout.pk, before=state, after=after)


def _begin(rollout_id: uuid.UUID, verb: RolloutVerb) -> Rollout:
    rollout = _locking().filter(pk=rollout_id).first()
    if rollout is None:
        raise UnknownRollout(f"There is no rollout {rollout_id}.")
    _check_applies(rollout, verb)
    _lock_model(rollout)
    return rollout


def _locking() -> QuerySet[Rollout]:
    rows = Rollout.objects.select_related("channel__model", "channel__version", "version__model", "previous_version")
    return rows.select_for_update(of=("self",), no_key=True)


def _lock_model(rollout: Rollout) -> None:
    # The lock orders this act among all acts on the model. A person's move of a channel takes the same lock first.
    RegisteredModel.objects.select_for_update(no_key=True).get(pk=rollout.channel.model_id)
    rollout.channel.refresh_from_db(fields=["version", "release_counter", "revision"])
    rollout.version.refresh_from_db(fields=["status", "quarantined_at"])


def _check_applies(rollout: Rollout, verb: RolloutVerb) -> None:
    if states.find_next(RolloutState(rollout.state), verb) is None:
        raise _refusal(rollout, verb)


def _refusal(rollout: Rollout, verb: RolloutVerb) -> VerbDoesNotApply:
    possible = states.verbs_of(RolloutState(rollout.state))
    message = f"The rollout is {rollout.state}: {verb.slug} does not apply."
    return VerbDoesNotApply(message, state=rollout.state, verbs=[each.slug for each in possible])


def _get(rollout_id: uuid.UUID) -> Rollout:
    rollout = Rollout.objects.filter(pk=rollout_id).first()
    if rollout is None:
        raise UnknownRollout(f"There is no rollout {rollout_id}.")
    return rollout


def _describe_stage(rollout: Rollout) -> str:
    stage = Stage.read(rollout.stages[rollout.stage_index])
    number = rollout.stage_index + 1
    return f"Stage {number} of {len(rollout.stages)} began: {stage.percent:g} %, buckets below {rollout.bucket_limit}."
