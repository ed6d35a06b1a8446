"""What beat sends, and how often: the tasks of all apps by their names."""

from typing import TypedDict

from config.environment import environment


class _Entry(TypedDict):
    task: str
    schedule: float
    options: dict[str, float]


def _every(task: str, seconds: float) -> _Entry:
    # A message that no worker took before the next one is dropped, because both say the same.
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 2)}}


TASKS = {
    "roll up landed telemetry": _every("ingest.tasks.roll_up", environment.rollup_interval.total_seconds()),
    "fold roll-ups": _every("ingest.tasks.fold", 60),
    "drop what is past its retention": _every("ingest.tasks.expire", 3600),
    "forget attempts to log in": _every("core.tasks.forget_logins", 3600),
    "build what waits": _every("registry.tasks.queue_builds", 10),
    "remove what killed processes left": _every("registry.tasks.remove_leftovers", 3600),
    "advance rollouts": _every("fleet.tasks.advance_rollouts", environment.rollout_interval.total_seconds()),
    "end overdue deployments": _every("fleet.tasks.sweep_deployments", 30),
    "write last-seen times": _every("fleet.tasks.flush_last_seen", 5),
    "evaluate drift": _every("analytics.tasks.evaluate", environment.evaluation_interval.total_seconds()),
}
