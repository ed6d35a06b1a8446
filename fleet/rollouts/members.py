"""The members of a rollout: the devices that it is for now. Computed from selector and cohorts, never stored."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from fleet import variant_choice
from fleet.devices import targets as device_targets
from fleet.models import Device, Pin, Rollout
from fleet.rollouts import cohorts
from fleet.rollouts.selectors import Selector
from fleet.rollouts.stages import Stage
from fleet.states import DeviceState
from fleet.variant_choice import VariantFacts, VersionFacts
from registry.models import Channel, ModelVersion, Variant
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


def list_members(channel: Channel, *, version: ModelVersion, selector: Selector, salt: str) -> list[Member]:
    """Return the active, selected subscribers of a channel that no pin holds, lowest buckets first."""
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
    variants = _variants_by_target(version, rows.order_by().values_list("target", flat=True).distinct())
    members = [
        Member(pk, device_id, target, cohorts.bucket_of(device_id, salt=salt), variants[target], seen_at)
        for pk, device_id, target, seen_at in rows.order_by("pk").values_list(
            "pk", "device_id", "target", "last_seen_at"
        )
        if target in variants
    ]
    return sorted(members, key=lambda member: (member.bucket, member.device_id))


def list_members_of(rollout: Rollout) -> list[Member]:
    """Return the devices that a rollout is for, lowest buckets first."""
    selector = Selector.read(rollout.selector)
    return list_members(rollout.channel, version=rollout.version, selector=selector, salt=rollout.salt)


def choose_limit(members: Iterable[Member], *, stage: Stage, floor: int = 0) -> int:
    """Return the bucket limit of a stage; devices that nothing fits do not count toward ``min_devices``."""
    buckets = [member.bucket for member in members if member.variant is not None]
    return cohorts.choose_limit(buckets, percent=stage.percent, min_devices=stage.min_devices, floor=floor)


def list_covered(members: Iterable[Member], *, limit: int) -> list[Member]:
    """Return the devices below the limit that a variant fits."""
    return [member for member in members if member.bucket < limit and member.variant is not None]


def _variants_by_target(version: ModelVersion, targets: Iterable[str]) -> dict[str, VariantFacts | None]:
    rows = Variant.objects.select_related("file").filter(version=version, status=VariantStatus.READY)
    variants = tuple(
        VariantFacts(id=row.pk, target=row.target, recipe=row.recipe, rank=row.rank, size=row.file.size)
        for row in rows
        if row.file is not None
    )
    facts = VersionFacts(id=version.pk, number=version.number, variants=variants)
    return {target: variant_choice.choose_variant(facts, targets=device_targets.order_of(target)) for target in targets}
