"""Periodic tasks of the fleet. Each task is idempotent and finds its work in rows. Two runs at a time do no harm."""

from celery import shared_task
from django.utils import timezone

from fleet import deployments
from fleet.devices import last_seen
from fleet.rollouts import steps


@shared_task
def advance_rollouts() -> int:
    """Take every rollout's due step."""
    return steps.take_all(now=timezone.now())


@shared_task
def sweep_deployments() -> int:
    """End deployments whose time has passed."""
    return deployments.sweep(now=timezone.now())


@shared_task
def flush_last_seen() -> int:
    """Write when devices were last seen."""
    return last_seen.flush()
