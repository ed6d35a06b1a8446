"""Read devices and enrollment keys for the API and the pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import connection
from django.db.models import BooleanField, Count, ExpressionWrapper, OuterRef, Prefetch, Q, QuerySet, Subquery

from fleet.models import Deployment, Device, EnrollmentKey, Pin
from fleet.states import FAILING, OPEN_DEPLOYMENT_STATES, DeploymentState, DeviceState

# A device is online that was seen within three polls, and the time that a flush of last_seen may take.
_POLLS = 3
_FLUSH = timedelta(seconds=30)
_LABELS_SHOWN = 200
_VERSIONS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class FleetCounts:
    """The number of devices, in all and by state, target, version and newest attempt."""

    total: int
    by_state: Mapping[str, int]
    by_target: Mapping[str, int]
    by_version: Mapping[tuple[str, str], int]
    by_deployment_state: Mapping[str, int]

    @property
    def pending(self) -> int:
        """How many devices wait for a person."""
        return self.by_state.get(DeviceState.PENDING, 0)

    @property
    def active(self) -> int:
        """How many devices are in the fleet."""
        return self.by_state.get(DeviceState.ACTIVE, 0)

    @property
    def first_versions(self) -> list[str]:
        """The first versions that devices say they run, each with the number of devices, in words."""
        shown = islice(self.by_version.items(), _VERSIONS_SHOWN)
        return [f"{version} on {number}" for (_, version), number in shown]

    @property
    def failing(self) -> int:
        """How many active devices have a newest attempt that failed."""
        return sum(self.by_deployment_state.get(state, 0) for state in FAILING)


def list_devices(
    *,
    label: tuple[str, str] | None = None,
    target: str | None = None,
    state: DeviceState | None = None,
    attempt_state: DeploymentState | None = None,
    search: str | None = None,
    model: str | None = None,
) -> QuerySet[Device]:
    """Return the devices that match every given filter, with ``deployment_*`` of the newest attempt.

    ``label`` is (key, value); ``search`` looks in ids and label values; ``attempt_state`` is that of the newest attempt.
    """
    rows = with_status(Device.objects.all())
    if label is not None:
        rows = rows.filter(labels__contains={label[0]: label[1]})
    if target:
        rows = rows.filter(target=target)
    if state:
        rows = rows.filter(state=state)
    if attempt_state:
        rows = rows.filter(Q(deployment_state=attempt_state))
    if model:
        rows = rows.filter(subscriptions__model_slug=model)
    if search:
        rows = rows.filter(Q(device_id__icontains=search) | Q(labels__icontains=search))
    return rows


def with_status(rows: QuerySet[Device]) -> QuerySet[Device]:
    """Read subscriptions, pins and the newest attempt per model (``newest_deployments``) with the devices.

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
    active = Device.objects.filter(state=DeviceState.ACTIVE)
    newest = Deployment.objects.filter(device=OuterRef("pk")).order_by("-offered_at").values("state")[:1]
    rows = active.annotate(deployment_state=Subquery(newest)).exclude(deployment_state=None)
    return FleetCounts(
        total=sum(by_state.values()),
        by_state=by_state,
        by_target=_count(active, "target"),
        by_version=_count_versions(),
        by_deployment_state=_count(rows, "deployment_state"),
    )


def online_since(now: datetime) -> datetime:
    """Return the time since which a device must have been seen to count as online."""
    return now - timedelta(seconds=settings.POLL_AFTER_SECONDS * _POLLS) - _FLUSH


def mark_offline(rows: QuerySet[Device], *, now: datetime) -> QuerySet[Device]:
    """Annotate ``is_offline``: an active device that was not seen lately. One that was never seen is not offline."""
    is_silent = Q(state=DeviceState.ACTIVE, last_seen_at__lt=online_since(now))
    return rows.annotate(is_offline=ExpressionWrapper(is_silent, output_field=BooleanField()))


def count_online(now: datetime) -> int:
    """Count active devices that were seen lately."""
    return Device.objects.filter(state=DeviceState.ACTIVE, last_seen_at__gte=online_since(now)).count()


def is_moving() -> bool:
    """Whether any device is in the middle of an attempt."""
    return Deployment.objects.filter(state__in=OPEN_DEPLOYMENT_STATES).exists()


def list_labels() -> list[tuple[str, str]]:
    """Return every (key, value) that a device has, in order; 200 at most."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT pair.key, pair.value FROM fleet_device, jsonb_each_text(labels) AS pair"
            " ORDER BY 1, 2 LIMIT %s",
            [_LABELS_SHOWN],
        )
        return [(key, value) for key, value in cursor.fetchall()]


def list_targets() -> list[str]:
    """Return every hardware target that a device has."""
    return list(Device.objects.order_by("target").values_list("target", flat=True).distinct())


def list_attempts(device: Device) -> QuerySet[Deployment]:
    """Return a device's attempts, newest first, with all names that a page shows."""
    rows = Deployment.objects.select_related("model", "version", "variant", "rollout__channel__model")
    return rows.filter(device=device).order_by("-offered_at")


def list_enrollment_keys() -> QuerySet[EnrollmentKey]:
    """Return all keys, newest first."""
    return EnrollmentKey.objects.order_by("-pk")


def _count(rows: QuerySet[Device], field: str) -> dict[str, int]:
    return dict(rows.order_by(field).values_list(field).annotate(number=Count("pk")))


def _count_versions() -> dict[tuple[str, str], int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT said ->> 'model', said ->> 'version', count(*)
            FROM fleet_device d,
                jsonb_array_elements(CASE jsonb_typeof(d.running) WHEN 'array' THEN d.running ELSE '[]' END) AS said
            WHERE d.state = %s AND said ->> 'model' IS NOT NULL AND said ->> 'version' IS NOT NULL
            GROUP BY 1, 2 ORDER BY 1, 2
            """,
            [DeviceState.ACTIVE],
        )
        return {(model, version): number for model, version, number in cursor.fetchall()}
