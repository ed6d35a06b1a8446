"""The settings of Celery: the broker, the queues, and the tasks that beat sends at intervals.

A message is a hint that a row has work (docs/adr/0003): losing one does no harm. This module imports no Django, so that beat
needs none.
"""

from config import engines, schedule
from config.environment import environment

broker_url = engines.celery_broker(environment.redis_url or engines.locate(environment.home).redis_url)
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
# A request does not wait for a broker that cannot be reached: beat queues the row again.
broker_transport_options = {
    "max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2,
    # A broker that hangs counts as unreachable. A worker waits for messages one second at a time, so 5 seconds are enough.
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
beat_schedule = schedule.TASKS
