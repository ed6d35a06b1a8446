"""Channels: named pointers that devices follow. A move is a compare-and-swap; it is guarded, recorded and audited."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict, cast

from django.db import transaction
from django.utils import timezone

from core import audit
from core.actors import Actor
from core.errors import Invalid, Missing
from core.formats.times import rfc3339
from registry import names, preconditions
from registry.models import Channel, ChannelMove, ModelVersion, RegisteredModel, next_release_counter
from registry.offers import offerable
from registry.offers import verbs as offers
from registry.preconditions import RevisionChanged
from registry.versions import queries

POLICY_FIELDS = ("activate", "probation_s", "probation_inferences")


class Policy(TypedDict, total=False):
    """How devices take an update (docs/wire-format.md, *Policy*)."""

    activate: str
    probation_s: int
    probation_inferences: int


class UnknownChannel(Missing):
    """The model has no such channel, or had none at the time."""

    code = "unknown_channel"


class ChannelChanged(RevisionChanged):
    """Another caller moved the channel first: its revision is not the one in ``If-Match``."""

    code = "channel_changed"


class InvalidPolicy(Invalid):
    """A policy has an unknown field, or a value that cannot be used."""

    code = "invalid_policy"


Guard = Callable[[Channel], None]
_guards: list[Guard] = []


class _Audited(TypedDict):
    """A channel before or after a move, in the audit trail."""

    version: str
    policy: Policy
    revision: int


@dataclass(frozen=True, slots=True)
class Pointing:
    """The version that a channel pointed to at some time."""

    channel: Channel
    version_number: str
    policy: Policy
    revision: int
    release_counter: int
    since: datetime


def register_guard(guard: Guard) -> None:
    """Add a check that runs before a person's move, under the channel's row lock; it refuses by raising a DomainError."""
    if guard not in _guards:
        _guards.append(guard)


def get(slug: str, name: str) -> Channel:
    """Return a channel with its model and version.

    Raises:
        UnknownModel: There is no such model.
        UnknownChannel: The model has no such channel.
    """
    found = Channel.objects.select_related("model", "version").filter(model__slug=slug, name=name).first()
    if found is None:
        model = queries.get_model(slug)
        raise UnknownChannel(f"The model {model.slug} has no channel {name[:80]!r}.")
    return found


@transaction.atomic
def put(
    model: RegisteredModel,
    name: str,
    *,
    version: ModelVersion,
    actor: Actor,
    policy: object | None = None,
    if_match: str | None = None,
) -> Channel:
    """Point a channel to a version, as a person asks; the first put creates it. The same content again moves nothing.

    Raises:
        InvalidName: The channel's name breaks the rule.
        IfMatchRequired: The channel exists, and the caller names no revision.
        ChannelChanged: The caller names another revision, or there is no channel yet.
        VersionNotOfferable: The version is not READY, or is quarantined.
        DomainError: A registered guard refuses.
    """
    names.check_slug(name, field="channel")
    # Two first puts at the same time have no row of a channel to lock, so the row of the model orders them.
    RegisteredModel.objects.select_for_update().get(pk=model.pk)
    channel = Channel.objects.select_related("model", "version").filter(model=model, name=name).first()
    revision = channel.revision if channel else None
    preconditions.check("channel", revision=revision, if_match=if_match, changed=ChannelChanged)
    wanted = check_policy(policy) if policy is not None else (channel.policy if channel else {})
    if channel is None:
        offerable.check_version(version)
        return _create(model, name, version=version, actor=actor, policy=wanted)
    if channel.version_id == version.pk and channel.policy == wanted:
        return channel
    for guard in _guards:
        guard(channel)
    return move(channel, version=version, actor=actor, policy=wanted)


@transaction.atomic
def move(channel: Channel, *, version: ModelVersion, actor: Actor, policy: Policy | None = None) -> Channel:
    """Point an existing channel to a version without asking the guards: for a rollout that completes or is undone.

    Takes the next release counter, and leaves one ``ChannelMove``.

    Raises:
        VersionNotOfferable: The version is not READY, or is quarantined.
    """
    offerable.check_version(version)
    channel = Channel.objects.select_for_update(of=("self",)).select_related("model", "version").get(pk=channel.pk)
    before = _describe(channel)
    channel.version = version
    channel.policy = channel.policy if policy is None else policy
    channel.revision += 1
    channel.release_counter = next_release_counter(channel.model_id)
    channel.updated_at = timezone.now()
    channel.save()
    offers.fix(version, release_counter=channel.release_counter)
    _record(channel, actor=actor, before=before)
    return channel


@transaction.atomic
def touch(channel: Channel, *, release_counter: int) -> None:
    """Give the channel the release counter of an act that left its version unchanged, such as an aborted rollout."""
    Channel.objects.filter(pk=channel.pk, release_counter__lt=release_counter).update(release_counter=release_counter)


def now(channel: Channel) -> Pointing:
    """Return what the channel points to."""
    return Pointing(
        channel=channel,
        version_number=channel.version.number,
        policy=channel.policy,
        revision=channel.revision,
        release_counter=channel.release_counter,
        since=channel.updated_at,
    )


def at_time(channel: Channel, at: datetime) -> Pointing:
    """Return what the channel pointed to at a time.

    Raises:
        UnknownChannel: It did not exist yet.
    """
    found = ChannelMove.objects.filter(channel=channel, at__lte=at).order_by("-revision").first()
    if found is None:
        raise UnknownChannel(f"The channel {channel} did not exist at {rfc3339(at)}.")
    return Pointing(
        channel=channel,
        version_number=found.version_number,
        policy=found.policy,
        revision=found.revision,
        release_counter=found.release_counter,
        since=found.at,
    )


def check_policy(policy: object) -> Policy:
    """Return the policy unchanged.

    Raises:
        InvalidPolicy: Naming the field.
    """
    if not isinstance(policy, dict):
        raise InvalidPolicy.field("policy", "must be an object.")
    if unknown := sorted(set(policy) - set(POLICY_FIELDS)):
        raise InvalidPolicy.field(f"policy.{unknown[0]}", f"is not known; there are {', '.join(POLICY_FIELDS)}.")
    if policy.get("activate", "immediate") != "immediate":
        raise InvalidPolicy.field("policy.activate", 'must be "immediate".')
    for field in ("probation_s", "probation_inferences"):
        value = policy.get(field, 0)
        if type(value) is not int or not 0 <= value <= 2**31:
            raise InvalidPolicy.field(f"policy.{field}", "must be a whole number, 0 or more.")
    return cast(Policy, policy)


def _create(model: RegisteredModel, name: str, *, version: ModelVersion, actor: Actor, policy: Policy) -> Channel:
    counter = next_release_counter(model.pk)
    channel = Channel.objects.create(model=model, name=name, version=version, policy=policy, release_counter=counter)
    offers.fix(version, release_counter=counter)
    _record(channel, actor=actor, before=None)
    return channel


def _record(channel: Channel, *, actor: Actor, before: _Audited | None) -> None:
    ChannelMove.objects.create(
        channel=channel,
        version=channel.version,
        version_number=channel.version.number,
        policy=channel.policy,
        at=channel.updated_at,
        actor=str(actor),
        revision=channel.revision,
        release_counter=channel.release_counter,
    )
    action = "move" if before else "create"
    audit.record(
        actor, action=action, object_type="channel", object_id=channel, before=before, after=_describe(channel)
    )


def _describe(channel: Channel) -> _Audited:
    return {"version": channel.version.number, "policy": channel.policy, "revision": channel.revision}
