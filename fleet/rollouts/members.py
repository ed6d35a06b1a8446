"""The members of a rollout: the devices that it is for now. Computed from selector and cohorts, never stored."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Exists, OuterRef

from fleet import variant_choice
from fleet.models import Device, Pin, Rollout
from fleet.rollouts import cohorts
from fleet.rollouts.selectors import Selector
from fleet.rollouts.stages import Stage
from fleet.states import DeviceState
from fleet.variant_choice import Abilities, ManifestFacts, VariantFacts
from registry.models import Channel, ModelVersion, Variant
from registry.offers import queries as offers
from registry.states import VariantStatus


@dataclass(frozen=True, slots=True)
class Member:
    """A device that the rollout is for. ``variant`` is None if no variant of the version fits the device."""

    pk: int
    device_id: str
    target: str
    bucket: int
    variant: VariantFacts | None
    last_seen_at: datetime | None


ReadOffers = Callable[[ModelVersion, Iterable[str]], Mapping[str, Sequence[Variant]]]


def list_members(
    channel: Channel, *, version: ModelVersion, selector: Selector, salt: str, read_offers: ReadOffers = offers.foresee
) -> list[Member]:
    """Return the active, selected subscribers of a channel that no pin holds, lowest buckets first.

    ``read_offers`` says which variants devices of a target are offered: by default those that the start of a rollout fixes.
    """
    is_pinned = Pin.objects.filter(device=OuterRef("pk"), model=channel.model_id)
    rows = Device.objects.filter(
        state=DeviceState.ACTIVE,
        subscriptions__model_slug=channel.model.slug,
        subscriptions__channel_name=channel.name,
    ).exclude(Exists(is_pinned))
    if selector.labels:
        rows = rows.filter(labels__contains=dict(selector.labels))
    if selector.targets:
        rows = rows.filter(target__in=selector.targets)
    if selector.devices:
        rows = rows.filter(device_id__in=selector.devices)
    targets = rows.order_by().values_list("target", flat=True).distinct()
    choice = _Choice({target: _facts_of(found) for target, found in read_offers(version, targets).items()})
    members = [
        Member(pk, device_id, target, cohorts.bucket_of(device_id, salt=salt), choice.choose(target, *said), seen_at)
        for pk, device_id, target, seen_at, *said in rows.order_by("pk").values_list(
            "pk", "device_id", "target", "last_seen_at", "capabilities__engines", "capabilities__manifest_schemas"
        )
        if choice.has(target)
    ]
    return sorted(members, key=lambda member: (member.bucket, member.device_id))


def list_members_of(rollout: Rollout) -> list[Member]:
    """Return the devices that a rollout is for, lowest buckets first."""
    selector = Selector.read(rollout.selector)
    # After the start, a target that had no READY variant then waits for another act.
    read_offers = offers.foresee if rollout.is_draft else offers.list_fixed
    return list_members(
        rollout.channel, version=rollout.version, selector=selector, salt=rollout.salt, read_offers=read_offers
    )


def choose_limit(members: Iterable[Member], *, stage: Stage, floor: int = 0) -> int:
    """Return the bucket limit of a stage; devices that nothing fits do not count toward ``min_devices``."""
    buckets = [member.bucket for member in members if member.variant is not None]
    return cohorts.choose_limit(buckets, percent=stage.percent, min_devices=stage.min_devices, floor=floor)


def list_covered(members: Iterable[Member], *, limit: int) -> list[Member]:
    """Return the devices below the limit that a variant fits."""
    return [member for member in members if member.bucket < limit and member.variant is not None]


@dataclass(frozen=True, slots=True)
class _Choice:
    """What is offered by target, and what a device of a target with given words about itself takes of it."""

    offered: Mapping[str, Sequence[VariantFacts]]
    # Most devices of a fleet say the same, so each choice is made once.
    made: dict[tuple[str, Abilities], VariantFacts | None] = field(default_factory=dict)

    def has(self, target: str) -> bool:
        """Whether the target was known when the offers were read; a device may have enrolled since."""
        return target in self.offered

    def choose(self, target: str, engines: object, manifest_schemas: object) -> VariantFacts | None:
        key = (target, variant_choice.read_abilities(engines, manifest_schemas))
        if key not in self.made:
            self.made[key] = variant_choice.choose_variant(self.offered[target], abilities=key[1])
        return self.made[key]


def _facts_of(variants: Iterable[Variant]) -> list[VariantFacts]:
    return [
        VariantFacts(
            id=row.pk,
            target=row.target,
            recipe=row.recipe,
            rank=row.rank,
            status=VariantStatus(row.status),
            size=row.file.size,
            format=row.format,
            manifests=tuple(_manifests_of(row)),
        )
        for row in variants
        if row.file is not None
    ]


def _manifests_of(row: Variant) -> Iterator[ManifestFacts]:
    pairs = {1: (row.manifest_id, row.signature_id), 2: (row.manifest_schema_2_id, row.signature_schema_2_id)}
    for schema, (manifest, signature) in pairs.items():
        if manifest is not None and signature is not None:
            yield ManifestFacts(schema, manifest, signature)
