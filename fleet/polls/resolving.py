"""Which version a device should run: one pure function over the facts that decide it (docs/adr/0018).

1. Choose the version: a pin, else the rollout that covers the device, else the channel's version.
2. Choose the variant: the first of the version's offer to the device's target that the device can run (docs/adr/0033).
3. The release counter is that of the latest act on the device, its pin, its channel, a rollout that covers it or the offer, so
   that it never goes down (docs/wire-format.md, *Release counter*).

Every version and variant that was not taken is kept as a candidate, with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from fleet import variant_choice
from fleet.rollouts import cohorts
from fleet.rollouts.selectors import Selector
from fleet.states import OFFERING_ROLLOUT_STATES, RolloutState
from fleet.variant_choice import Abilities, ManifestFacts, VariantFacts, VersionFacts
from registry.states import VariantStatus, VersionStatus


class CandidateKind(StrEnum):
    """The sources of a version, and the variants of the version that was taken."""

    PIN = "pin"
    ROLLOUT = "rollout"
    CHANNEL = "channel"
    VARIANT = "variant"


# How a device is to change over (docs/wire-format.md, *Policy*): only the fields that the channel or the rollout sets.
Policy = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """The device: ``targets`` is its own hardware target, then the fall-backs in order."""

    device_id: str
    targets: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    abilities: Abilities = field(default_factory=Abilities)


@dataclass(frozen=True, slots=True)
class PinFacts:
    """An operator's pin of this device."""

    version: VersionFacts
    release_counter: int


@dataclass(frozen=True, slots=True)
class RolloutFacts:
    """An active rollout of the device's channel. ``has_updated``: the device runs the version by an attempt of this rollout."""

    id: str
    state: RolloutState
    version: VersionFacts
    salt: str
    bucket_limit: int
    percent: float
    release_counter: int
    selector: Selector = field(default_factory=Selector)
    policy: Policy = field(default_factory=dict)
    has_updated: bool = False


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """Where the device's channel points."""

    name: str
    version: VersionFacts
    release_counter: int
    policy: Policy = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts that decide which version of one model a device runs."""

    device: DeviceFacts
    model: str
    channel_name: str = "stable"
    subscription_counter: int = 0
    channel: ChannelFacts | None = None
    pin: PinFacts | None = None
    rollouts: tuple[RolloutFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version or variant that was considered, and why it was taken or not."""

    kind: CandidateKind
    name: str
    version: str
    is_taken: bool
    reason: str

    @property
    def title(self) -> str:
        """The kind and the name; the name of a rollout is a number that says nothing to people."""
        return str(self.kind) if self.kind is CandidateKind.ROLLOUT else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Assigned:
    """The device should run this variant of this version."""

    is_assigned: ClassVar[bool] = True

    version: VersionFacts
    variant: VariantFacts
    manifest: ManifestFacts
    reason: str
    release_counter: int
    rollout_id: str | None = None
    policy: Policy = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class NotAssigned:
    """The device stays where it is; ``reason`` says why."""

    is_assigned: ClassVar[bool] = False

    reason: str
    release_counter: int
    candidates: tuple[Candidate, ...] = ()


Decision = Assigned | NotAssigned


@dataclass(frozen=True, slots=True)
class _Source:
    """A pin, rollout or channel that names a version; ``refusal`` says why it does not count for this device."""

    kind: CandidateKind
    name: str
    version: VersionFacts
    reason: str
    refusal: str | None = None
    rollout_id: str | None = None
    policy: Policy = field(default_factory=dict)


def resolve(facts: Facts) -> Decision:
    """Decide which version the device should run. Deterministic; no IO."""
    sources = _list_sources(facts)
    chosen = next((source for source in sources if source.refusal is None), None)
    candidates = [_judge(source, chosen=chosen) for source in sources]
    counter = _highest_act(facts)
    if chosen is None:
        return NotAssigned(_explain_nothing(facts, sources), counter, tuple(candidates))
    offered = variant_choice.list_offered(chosen.version)
    variant = variant_choice.choose_variant(offered, abilities=facts.device.abilities)
    manifest = variant.manifest_for(facts.device.abilities) if variant is not None else None
    candidates += _judge_variants(chosen.version, chosen=variant, device=facts.device)
    if chosen.version.offer is not None:
        counter = max(counter, chosen.version.offer.release_counter)
    if variant is None or manifest is None:
        return NotAssigned(_explain_no_variant(chosen, device=facts.device), counter, tuple(candidates))
    return Assigned(
        version=chosen.version,
        variant=variant,
        manifest=manifest,
        reason=chosen.reason,
        release_counter=counter,
        rollout_id=chosen.rollout_id,
        policy=chosen.policy,
        candidates=tuple(candidates),
    )


def _list_sources(facts: Facts) -> list[_Source]:
    rollouts = [_source_of_rollout(rollout, device=facts.device) for rollout in facts.rollouts]
    pins = [_source_of_pin(facts.pin)] if facts.pin is not None else []
    channels = [_source_of_channel(facts.channel)] if facts.channel is not None else []
    # The order is the precedence.
    return [*pins, *rollouts, *channels]


def _source_of_pin(pin: PinFacts) -> _Source:
    refusal = _refuse_version(pin.version)
    return _Source(CandidateKind.PIN, "pin", pin.version, "pinned by an operator", refusal)


def _source_of_rollout(rollout: RolloutFacts, *, device: DeviceFacts) -> _Source:
    return _Source(
        kind=CandidateKind.ROLLOUT,
        name=rollout.id,
        version=rollout.version,
        reason=f"rollout {rollout.id}, stage {rollout.percent:g} %",
        refusal=refuse_coverage(rollout, device=device) or _refuse_version(rollout.version),
        rollout_id=rollout.id,
        policy=rollout.policy,
    )


def _source_of_channel(channel: ChannelFacts) -> _Source:
    return _Source(
        kind=CandidateKind.CHANNEL,
        name=channel.name,
        version=channel.version,
        reason=f"channel {channel.name}",
        refusal=_refuse_version(channel.version),
        policy=channel.policy,
    )


def refuse_coverage(rollout: RolloutFacts, *, device: DeviceFacts) -> str | None:
    """Return why the rollout does not cover the device, or None where it does."""
    if rollout.state is RolloutState.PAUSED and not rollout.has_updated:
        return "the rollout is paused, and the device had not updated under it"
    if rollout.state not in OFFERING_ROLLOUT_STATES:
        return f"the rollout is {rollout.state}"
    refusal = rollout.selector.explain_refusal(
        device_id=device.device_id, target=device.targets[0] if device.targets else "", labels=device.labels
    )
    if refusal is not None:
        return refusal
    bucket = cohorts.bucket_of(device.device_id, salt=rollout.salt)
    if bucket >= rollout.bucket_limit:
        return f"the device's bucket {bucket} is not below the stage's limit {rollout.bucket_limit}"
    return None


def _refuse_version(version: VersionFacts) -> str | None:
    if version.is_quarantined:
        return f"version {version.number} is quarantined"
    if version.status != VersionStatus.READY:
        return f"version {version.number} is {version.status}"
    return None


def _judge(source: _Source, *, chosen: _Source | None) -> Candidate:
    is_taken = source is chosen
    reason = source.refusal or (
        source.reason if is_taken else f"{chosen.reason} goes first" if chosen else source.reason
    )
    return Candidate(source.kind, source.name, source.version.number, is_taken, reason)


def _judge_variants(version: VersionFacts, *, chosen: VariantFacts | None, device: DeviceFacts) -> list[Candidate]:
    return [
        Candidate(
            kind=CandidateKind.VARIANT,
            name=f"{variant.target}/{variant.recipe}",
            version=version.number,
            is_taken=variant is chosen,
            reason=variant_choice.explain_choice(
                variant, version=version, chosen=chosen, targets=device.targets, abilities=device.abilities
            ),
        )
        for variant in variant_choice.list_fitting(version, targets=device.targets)
    ]


def _explain_no_variant(chosen: _Source, *, device: DeviceFacts) -> str:
    name, version = f"version {chosen.version.number} ({chosen.reason})", chosen.version
    if variant_choice.list_offered(version):
        return f"{name} is offered to {device.targets[0]} in no form that the device reports it can run"
    if any(
        variant.status == VariantStatus.READY
        for variant in variant_choice.list_fitting(version, targets=device.targets)
    ):
        return f"{name} became ready for {device.targets[0]} after the act that assigns it, and waits for another act"
    return f"{name} has no ready variant for {' or '.join(device.targets)}"


def _highest_act(facts: Facts) -> int:
    acts = [facts.subscription_counter]
    if facts.channel is not None:
        acts.append(facts.channel.release_counter)
    if facts.pin is not None:
        acts.append(facts.pin.release_counter)
    # A rollout is an act on the devices that it covers, even if its version can no longer be offered.
    acts += [
        rollout.release_counter for rollout in facts.rollouts if refuse_coverage(rollout, device=facts.device) is None
    ]
    return max(acts)


def _explain_nothing(facts: Facts, sources: Sequence[_Source]) -> str:
    if facts.channel is None and not sources:
        return f"the channel {facts.channel_name} of {facts.model} does not exist yet"
    last = next((source.refusal for source in reversed(sources) if source.kind is CandidateKind.CHANNEL), None)
    return last or sources[-1].refusal or "nothing is assigned"
