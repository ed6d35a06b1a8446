"""The Celery application and what beat does, how often. Messages are hints: every task finds its work in rows."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config.environment import environment

app = Celery("modelfleet")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["registry", "fleet", "ingest", "analytics"])


def _every(task: str, seconds: float) -> dict[str, object]:
    # A hint that nobody took in time is dropped: the next one says the same.
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 2)}}


app.conf.beat_schedule = {
    "roll up landed telemetry": _every("ingest.tasks.roll_up", environment.rollup_interval.total_seconds()),
    "fold roll-ups": _every("ingest.tasks.fold", 60),
    "drop what is past its retention": _every("ingest.tasks.expire", 3600),
    "build what waits": _every("registry.tasks.queue_builds", 10),
    "remove what killed processes left": _every("registry.tasks.remove_leftovers", 3600),
    "advance rollouts": _every("fleet.tasks.advance_rollouts", environment.rollout_interval.total_seconds()),
    "end overdue deployments": _every("fleet.tasks.sweep_deployments", 30),
    "write last-seen times": _every("fleet.tasks.flush_last_seen", 5),
    "evaluate drift": _every("analytics.tasks.evaluate", environment.evaluation_interval.total_seconds()),
}
