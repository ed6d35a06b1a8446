"""Progress of a rollout: each stage in numbers, and the step that is due. The beat and the pages use the same measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings

from fleet.models import Deployment, Rollout
from fleet.rollouts import members as rollout_members
from fleet.rollouts import stages
from fleet.rollouts.members import Member
from fleet.rollouts.stages import Evidence, Stage, Step, Verdict
from fleet.states import FAILING, OPEN_DEPLOYMENT_STATES, DeploymentState, RolloutState


class StagePosition(StrEnum):
    """Where a stage lies, seen from the current one."""

    DONE = "done"
    CURRENT = "current"
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class StageProgress:
    """One stage in numbers. Counts are of devices and cumulative: a stage covers the devices of the stages before it."""

    number: int
    percent: float
    position: StagePosition
    covered: int
    offered: int
    confirmed: int
    failed: int
    # Devices that have been silent since their offer, or so long that they never heard of it.
    unreachable: int
    # Devices with an offer whose outcome is not known yet.
    moving: int
    min_duration_seconds: int
    needed: int

    @property
    def is_done(self) -> bool:
        """Whether the rollout has left this stage behind."""
        return self.position is StagePosition.DONE

    @property
    def is_current(self) -> bool:
        """Whether the rollout is in this stage, or ended in it."""
        return self.position is StagePosition.CURRENT


@dataclass(frozen=True, slots=True)
class RolloutProgress:
    """All stages in numbers. ``verdict`` says which condition the current stage waits for, or why the rollout does not run."""

    stages: Sequence[StageProgress]
    devices: int
    unserved: int
    time_left_seconds: int | None
    step: Step
    verdict: str

    @property
    def waits_for_time(self) -> bool:
        """Whether enough devices have confirmed, and only the stage's least duration is missing."""
        current = next((stage for stage in self.stages if stage.is_current), None)
        return bool(self.time_left_seconds and current and current.confirmed >= current.needed)


@dataclass(frozen=True, slots=True)
class _Attempts:
    """By the key of a device: the state of its newest attempt, and whether it is unreachable, so that no stage waits for it."""

    states: Mapping[int, str]
    unreachable: frozenset[int]


def measure(rollout: Rollout, *, members: Sequence[Member], now: datetime) -> RolloutProgress:
    """Measure every stage of a rollout and decide which step is due, in one query.

    The caller reads ``members`` once (``members.list_members_of``) and uses them for all that it does.
    """
    plan = stages.read_all(rollout.stages)
    attempts = _read_attempts(rollout, members=members, now=now)
    rows: list[StageProgress] = []
    limit = 0
    for index, stage in enumerate(plan):
        floor = rollout.bucket_limit if index == rollout.stage_index else limit
        limit = rollout_members.choose_limit(members, stage=stage, floor=floor)
        covered = {member.pk for member in rollout_members.list_covered(members, limit=limit)}
        rows.append(_measure_stage(rollout, index, stage=stage, covered=covered, attempts=attempts))
    verdict = _decide(rollout, plan, rows, now=now)
    return RolloutProgress(
        stages=rows,
        devices=len([member for member in members if member.variant is not None]),
        unserved=len([member for member in members if member.variant is None]),
        time_left_seconds=_time_left(rollout, plan, now=now),
        step=verdict.step,
        verdict=verdict.reason,
    )


def _read_attempts(rollout: Rollout, *, members: Sequence[Member], now: datetime) -> _Attempts:
    rows = Deployment.objects.filter(rollout=rollout).order_by("offered_at").values_list("device_id", "state")
    states = dict(rows)
    unreachable = {pk for pk, state in states.items() if state == DeploymentState.UNREACHABLE}
    limit = now - settings.UNREACHABLE_AFTER
    # A device that never came for its offer is as unreachable as one that fell silent after the offer.
    if rollout.stage_started_at is not None and rollout.stage_started_at <= limit:
        silent = {member.pk for member in members if member.last_seen_at is None or member.last_seen_at <= limit}
        unreachable |= silent - states.keys()
    return _Attempts(states=states, unreachable=frozenset(unreachable))


def _measure_stage(
    rollout: Rollout, index: int, *, stage: Stage, covered: set[int], attempts: _Attempts
) -> StageProgress:
    states = [attempts.states.get(pk) for pk in covered]
    evidence = Evidence(
        covered=len(covered),
        confirmed=sum(state == DeploymentState.CONFIRMED for state in states),
        unreachable=len(covered & attempts.unreachable),
    )
    return StageProgress(
        number=index + 1,
        percent=stage.percent,
        position=_position(rollout, index),
        covered=evidence.covered,
        offered=sum(state is not None for state in states),
        confirmed=evidence.confirmed,
        failed=sum(state in FAILING for state in states),
        unreachable=evidence.unreachable,
        moving=sum(state in OPEN_DEPLOYMENT_STATES or state == DeploymentState.SUPERSEDED for state in states),
        min_duration_seconds=stage.min_duration_seconds,
        needed=stages.count_needed(stage, evidence=evidence),
    )


def _position(rollout: Rollout, index: int) -> StagePosition:
    if rollout.state == RolloutState.COMPLETED:
        return StagePosition.DONE
    if rollout.state == RolloutState.DRAFT or index > rollout.stage_index:
        return StagePosition.AHEAD
    return StagePosition.CURRENT if index == rollout.stage_index else StagePosition.DONE


def _time_left(rollout: Rollout, plan: Sequence[Stage], *, now: datetime) -> int | None:
    if rollout.state != RolloutState.RUNNING or rollout.stage_started_at is None:
        return None
    until = rollout.stage_started_at + timedelta(seconds=plan[rollout.stage_index].min_duration_seconds)
    return max(0, int((until - now).total_seconds()))


def _decide(rollout: Rollout, plan: Sequence[Stage], rows: Sequence[StageProgress], *, now: datetime) -> Verdict:
    if rollout.state != RolloutState.RUNNING:
        return Verdict(Step.HOLD, rollout.reason)
    row = rows[rollout.stage_index]
    evidence = Evidence(covered=row.covered, confirmed=row.confirmed, unreachable=row.unreachable)
    started_at = rollout.stage_started_at or now
    return stages.decide_step(plan, index=rollout.stage_index, started_at=started_at, now=now, evidence=evidence)
