"""The periodic task of core."""

from celery import shared_task
from django.utils import timezone

from core.guessing import logins


@shared_task
def forget_logins() -> None:
    """Delete the counts of attempts to log in that are over."""
    logins.forget(now=timezone.now())
