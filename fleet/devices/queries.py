"""Reads that only the console asks for: what its filters offer, who is online, what happened to one device or rollout."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from fleet.models import Deployment, Device, DeviceState, Rollout
from fleet.states import OPEN_DEPLOYMENT_STATES

# Three polls, and what the notes of last seen take to reach the rows.
_POLLS = 3
_FLUSH = timedelta(seconds=30)
_LABELS_SHOWN = 200


def online_since(now: datetime) -> datetime:
    """Return the time since which a device must have been seen to count as online."""
    return now - timedelta(seconds=settings.POLL_AFTER_SECONDS * _POLLS) - _FLUSH


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


def list_attempts_under(rollout: Rollout) -> Sequence[Deployment]:
    """Return the newest attempt of each device under a rollout, what moved last first."""
    newest = Deployment.objects.filter(rollout=rollout).order_by("device_id", "-offered_at").distinct("device_id")
    rows = newest.select_related("device", "variant")
    return sorted(rows, key=lambda row: row.updated_at, reverse=True)
