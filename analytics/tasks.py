"""Beat's hints, turned into work."""

import logging

from celery import shared_task
from django.utils import timezone

from analytics.alerts import evaluation

logger = logging.getLogger(__name__)


@shared_task
def evaluate() -> None:
    """Evaluate drift everywhere once; running twice within EVALUATION_INTERVAL counts once."""
    done = evaluation.evaluate(at=timezone.now())
    if done and done.alarming:
        logger.info("drift evaluated: %s comparisons, %s alarming", done.compared, done.alarming)
