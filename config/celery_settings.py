"""How tasks travel, in Celery's own settings: the broker, the queues, and what beat sends how often.

Messages are hints, the row is the truth (docs/adr/0003). No Django here, so that beat needs none.
"""

from config import engines
from config.environment import environment

broker_url = engines.celery_broker(environment.redis_url or engines.locate(environment.home).redis_url)
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
# A broker that is away holds up no request: the row is queued again by beat.
broker_transport_options = {
    "max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2,
    # One that hangs is away too; a worker waits for messages a second at a time.
    "socket_timeout": 5, "socket_connect_timeout": 5,
}  # fmt: skip
task_ignore_result = True
task_acks_late = True
task_reject_on_worker_lost = True
task_default_queue = "default"
task_routes = {"registry.tasks.build_*": {"queue": "builds"}, "ingest.tasks.*": {"queue": "telemetry"}}
worker_prefetch_multiplier = 1
worker_hijack_root_logger = False
timezone = "UTC"


def _every(task: str, seconds: float) -> dict[str, object]:
    # A hint that nobody took in time is dropped: the next one says the same.
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 2)}}


beat_schedule = {
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
