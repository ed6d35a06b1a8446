"""The periodic task of analytics."""

import logging

from celery import shared_task
from django.utils import timezone

from analytics.alerts import evaluation

logger = logging.getLogger(__name__)


@shared_task
def evaluate() -> None:
    """Evaluate the drift of every version; two runs within one EVALUATION_INTERVAL count once."""
    done = evaluation.evaluate(at=timezone.now())
    if done and done.alarming:
        logger.info("drift evaluated: %s comparisons, %s alarming", done.compared, done.alarming)
