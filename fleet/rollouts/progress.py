"""How a rollout stands: each stage in numbers, and what the current one waits for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fleet.models import Rollout
from fleet.rollouts import members as rollout_members
from fleet.rollouts import stages
from fleet.rollouts.stages import Evidence, Stage
from fleet.states import OPEN_DEPLOYMENT_STATES, UNSUCCESSFUL, DeploymentState, RolloutState


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How one stage stands. Counts are of devices and cumulative: a stage covers what the stages before it cover."""

    number: int
    percent: float
    position: str
    covered: int
    offered: int
    confirmed: int
    failed: int
    # Silent since their offer, or for so long that they never heard of it.
    unreachable: int
    # With an offer whose outcome is not known yet.
    moving: int
    min_duration_seconds: int
    needed: int


@dataclass(frozen=True, slots=True)
class RolloutProgress:
    """How a rollout stands; ``verdict`` says what the current stage waits for."""

    stages: Sequence[StageProgress]
    devices: int
    unserved: int
    time_left_seconds: int | None
    verdict: str

    @property
    def waits_for_time(self) -> bool:
        """Whether enough devices have confirmed, and only the stage's least duration is missing."""
        current = next((stage for stage in self.stages if stage.position == "current"), None)
        return bool(self.time_left_seconds and current and current.confirmed >= current.needed)


def measure_progress(rollout: Rollout, *, now: datetime) -> RolloutProgress:
    """Measure how a rollout stands, in three queries whatever its size in stages."""
    members = rollout_members.list_members_of(rollout)
    plan = [Stage.read(stored) for stored in rollout.stages]
    attempted = rollout_members.list_attempted(rollout)
    unreachable = rollout_members.list_unreachable(rollout, members=members, attempted=attempted, now=now)
    rows: list[StageProgress] = []
    limit = 0
    for index, stage in enumerate(plan):
        floor = rollout.bucket_limit if index == rollout.stage_index else limit
        limit = rollout_members.choose_limit(members, percent=stage.percent, min_devices=stage.min_devices, floor=floor)
        covered = {member.pk for member in rollout_members.list_covered(members, limit=limit)}
        states = [attempted.get(pk) for pk in covered]
        rows.append(_stage_progress(rollout, index, stage=stage, states=states, unreachable=len(covered & unreachable)))
    return RolloutProgress(
        stages=rows,
        devices=len([member for member in members if member.variant is not None]),
        unserved=len([member for member in members if member.variant is None]),
        time_left_seconds=_time_left(rollout, plan, now=now),
        verdict=_verdict(rollout, plan, rows, now=now),
    )


def _stage_progress(
    rollout: Rollout, index: int, *, stage: Stage, states: Sequence[str | None], unreachable: int
) -> StageProgress:
    confirmed = sum(state == DeploymentState.CONFIRMED for state in states)
    evidence = Evidence(covered=len(states), confirmed=confirmed, unreachable=unreachable)
    return StageProgress(
        number=index + 1,
        percent=stage.percent,
        position=_position(rollout, index),
        covered=len(states),
        offered=sum(state is not None for state in states),
        confirmed=confirmed,
        failed=sum(state in UNSUCCESSFUL or state == DeploymentState.TIMED_OUT for state in states),
        unreachable=unreachable,
        moving=sum(state in OPEN_DEPLOYMENT_STATES or state == DeploymentState.SUPERSEDED for state in states),
        min_duration_seconds=stage.min_duration_seconds,
        needed=stages.count_needed(stage, evidence=evidence),
    )


def _position(rollout: Rollout, index: int) -> str:
    if rollout.state == RolloutState.COMPLETED:
        return "done"
    if rollout.state == RolloutState.DRAFT or index > rollout.stage_index:
        return "ahead"
    return "current" if index == rollout.stage_index else "done"


def _time_left(rollout: Rollout, plan: Sequence[Stage], *, now: datetime) -> int | None:
    if rollout.state != RolloutState.RUNNING or rollout.stage_started_at is None:
        return None
    until = rollout.stage_started_at + timedelta(seconds=plan[rollout.stage_index].min_duration_seconds)
    return max(0, int((until - now).total_seconds()))


def _verdict(rollout: Rollout, plan: Sequence[Stage], rows: Sequence[StageProgress], *, now: datetime) -> str:
    if rollout.state != RolloutState.RUNNING or rollout.stage_started_at is None:
        return rollout.reason
    row = rows[rollout.stage_index]
    evidence = Evidence(covered=row.covered, confirmed=row.confirmed, unreachable=row.unreachable)
    started_at = rollout.stage_started_at
    return stages.decide_step(plan, index=rollout.stage_index, started_at=started_at, now=now, evidence=evidence).reason
