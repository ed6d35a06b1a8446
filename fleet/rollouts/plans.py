"""Plans of rollouts: a plan is checked against models, channels and targets, and previewed before anything starts."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fleet.devices.labels import Document, check_labels
from fleet.rollouts import cohorts, stages
from fleet.rollouts import members as rollout_members
from fleet.rollouts.members import Member
from fleet.rollouts.selectors import Selector
from fleet.rollouts.stages import Stage
from registry import channels
from registry.compression.targets import get_target
from registry.models import Channel, ModelVersion
from registry.versions import queries

_SHOWN_DEVICES: Final = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """A rollout as an operator posts it."""

    model: str
    channel: str
    version: str
    stages: Sequence[Stage]
    selector: Selector = field(default_factory=Selector)
    policy: Document = field(default_factory=dict)
    salt: str = ""


@dataclass(frozen=True, slots=True)
class CheckedPlan:
    """A plan whose names exist and that breaks no rule."""

    channel: Channel
    version: ModelVersion
    selector: Selector
    stages: Sequence[Stage]
    salt: str


def check(plan: Plan) -> CheckedPlan:
    """Check a plan and look up its names; ``salt`` stays empty if the plan gives none.

    Raises:
        UnknownModel: or ``UnknownChannel``, ``UnknownVersion``, ``UnknownTarget``: a name does not exist.
        InvalidStages: The stages break a rule.
        InvalidLabel: The selector has labels that no device can have.
        InvalidPolicy: The policy cannot be used.
    """
    channel = channels.get(plan.model, plan.channel)
    version = queries.get_version(plan.model, plan.version)
    channels.check_policy(dict(plan.policy))
    check_labels(plan.selector.labels, field="selector.labels")
    for target in plan.selector.targets:
        get_target(target)
    checked = stages.check_stages(plan.stages)
    return CheckedPlan(channel=channel, version=version, selector=plan.selector, stages=checked, salt=plan.salt)


@dataclass(frozen=True, slots=True)
class StagePreview:
    """Which devices a stage would cover (cumulative), and how many bytes the devices new to it would download."""

    percent: float
    devices: int
    new_devices: int
    new_bytes: int
    device_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class Preview:
    """Which devices, and how many bytes. The same ``salt`` in the rollout gives exactly these devices."""

    salt: str
    devices: int
    download_bytes: int
    by_target: Mapping[str, int]
    unserved: Sequence[str]
    stages: Sequence[StagePreview]


def preview(plan: Plan) -> Preview:
    """Say which devices a plan would reach now, without changing anything.

    Raises:
        DomainError: As ``check``.
    """
    checked = check(plan)
    salt = checked.salt or str(uuid.uuid4())
    members = rollout_members.list_members(
        checked.channel, version=checked.version, selector=checked.selector, salt=salt
    )
    served = rollout_members.list_covered(members, limit=cohorts.BUCKETS)
    return Preview(
        salt=salt,
        devices=len(served),
        download_bytes=_size_of(served),
        by_target=dict(sorted(Counter(member.target for member in served).items())),
        unserved=[member.device_id for member in members if member.variant is None][:_SHOWN_DEVICES],
        stages=_preview_stages(checked.stages, members=members),
    )


def _preview_stages(planned: Sequence[Stage], *, members: Sequence[Member]) -> list[StagePreview]:
    previews: list[StagePreview] = []
    limit, before = 0, 0
    for stage in planned:
        limit = rollout_members.choose_limit(members, stage=stage, floor=limit)
        covered = rollout_members.list_covered(members, limit=limit)
        # Members are sorted by bucket, so the devices that are new to a stage are at the end.
        added = covered[before:]
        ids = [member.device_id for member in added[:_SHOWN_DEVICES]]
        previews.append(StagePreview(stage.percent, len(covered), len(added), _size_of(added), ids))
        before = len(covered)
    return previews


def _size_of(members: Sequence[Member]) -> int:
    return sum(member.variant.size for member in members if member.variant is not None)
