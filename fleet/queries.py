"""Read the fleet, as people and programs ask for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery

from fleet.models import Deployment, Device, EnrollmentKey, Pin, Rollout
from fleet.rollouts import members as rollout_members
from fleet.rollouts import stages
from fleet.rollouts.stages import Evidence, Stage
from fleet.states import OPEN_DEPLOYMENT_STATES, UNSUCCESSFUL, DeploymentState, RolloutState
from registry.models import ModelVersion
from registry.versions.dependents import Use


@dataclass(frozen=True, slots=True)
class FleetCounts:
    """How many devices there are, by what."""

    total: int
    by_state: Mapping[str, int]
    by_target: Mapping[str, int]
    by_version: Mapping[tuple[str, str], int]
    by_deployment_state: Mapping[str, int]


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


def list_devices(
    *,
    label: tuple[str, str] | None = None,
    target: str | None = None,
    state: str | None = None,
    search: str | None = None,
    model: str | None = None,
) -> QuerySet[Device]:
    """Return the devices for which all that is given holds, with ``deployment_*`` of the newest attempt.

    ``label`` is (key, value); ``search`` looks in ids and label values.
    """
    rows = with_status(Device.objects.all())
    if label is not None:
        rows = rows.filter(labels__contains={label[0]: label[1]})
    if target:
        rows = rows.filter(target=target)
    if state:
        rows = rows.filter(state=state)
    if model:
        rows = rows.filter(subscriptions__model_slug=model)
    if search:
        rows = rows.filter(Q(device_id__icontains=search) | Q(labels__icontains=search))
    return rows


def with_status(rows: QuerySet[Device]) -> QuerySet[Device]:
    """Add what a page shows of a device: subscriptions, pins, newest attempt per model (``newest_deployments``).

    Annotated from the newest of all: ``deployment_state``, ``deployment_version``, ``deployment_model``, ``deployment_at``.
    """
    newest = Deployment.objects.filter(device=OuterRef("pk")).order_by("-offered_at")
    per_model = (
        Deployment.objects.select_related("model", "version")
        .order_by("device_id", "model_id", "-offered_at")
        .distinct("device_id", "model_id")
    )
    return rows.annotate(
        deployment_state=Subquery(newest.values("state")[:1]),
        deployment_version=Subquery(newest.values("version__number")[:1]),
        deployment_model=Subquery(newest.values("model__slug")[:1]),
        deployment_at=Subquery(newest.values("updated_at")[:1]),
    ).prefetch_related(
        "subscriptions",
        Prefetch("pins", Pin.objects.select_related("model", "version")),
        Prefetch("deployments", per_model, to_attr="newest_deployments"),
    )


def count_fleet() -> FleetCounts:
    """Count the whole fleet, for the head of its page."""
    by_state = _count(Device.objects.all(), "state")
    active = Device.objects.filter(state="active")
    newest = Deployment.objects.filter(device=OuterRef("pk")).order_by("-offered_at").values("state")[:1]
    rows = active.annotate(deployment_state=Subquery(newest)).exclude(deployment_state=None)
    return FleetCounts(
        total=sum(by_state.values()),
        by_state=by_state,
        by_target=_count(active, "target"),
        by_version=_count_versions(),
        by_deployment_state=_count(rows, "deployment_state"),
    )


def list_rollouts(*, model: str | None = None, state: str | None = None) -> QuerySet[Rollout]:
    """Return rollouts, newest first, with all names that a page shows."""
    rows = Rollout.objects.select_related("channel__model", "version__model", "previous_version").order_by(
        "-created_at"
    )
    if model:
        rows = rows.filter(channel__model__slug=model)
    if state:
        rows = rows.filter(state=state)
    return rows


def list_enrollment_keys() -> QuerySet[EnrollmentKey]:
    """Return all keys, newest first."""
    return EnrollmentKey.objects.order_by("-pk")


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


def find_uses(version: ModelVersion) -> list[Use]:
    """Return what of the fleet needs a version: unfinished rollouts, pins, and what devices last said they run."""
    unfinished = [state for state in RolloutState if state not in _OVER]
    rollouts = Rollout.objects.filter(Q(version=version) | Q(previous_version=version), state__in=unfinished)
    uses = [Use(kind="rollout", name=str(pk)) for pk in rollouts.values_list("pk", flat=True)]
    pinned = Pin.objects.filter(version=version).values_list("device__device_id", flat=True)
    uses += [Use(kind="pin", name=device_id) for device_id in pinned]
    runs = Q(running__contains=[{"model": version.model.slug, "version": version.number}])
    in_hand = Q(deployments__version=version, deployments__state__in=OPEN_DEPLOYMENT_STATES)
    devices = Device.objects.filter(runs | in_hand).exclude(state="revoked").distinct()
    return uses + [Use(kind="device", name=device_id) for device_id in devices.values_list("device_id", flat=True)]


_OVER = (RolloutState.COMPLETED, RolloutState.ROLLED_BACK, RolloutState.ABORTED)


def _count(rows: QuerySet[Any], field: str) -> dict[str, int]:
    return dict(rows.order_by(field).values_list(field).annotate(number=Count("pk")))


def _count_versions() -> dict[tuple[str, str], int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT said ->> 'model', said ->> 'version', count(*)
            FROM fleet_device d, jsonb_array_elements(d.running) AS said
            WHERE d.state = 'active' GROUP BY 1, 2 ORDER BY 1, 2
            """
        )
        return {(model, version): number for model, version, number in cursor.fetchall()}


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
