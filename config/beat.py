"""The Celery application of beat. It sends tasks by their names, so it loads neither the tasks nor Django."""

import logging.config
from typing import Any

from celery import Celery, signals
from celery.beat import PersistentScheduler

from config import logs
from config.environment import environment


class SteadyScheduler(PersistentScheduler):
    """Continues when the clock is set back. Celery's own scheduler would wait until the former time comes again."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send the tasks that are due; return the seconds until the next call."""
        for entry in self.schedule.values():
            now = entry.default_now()
            if entry.last_run_at is None or entry.last_run_at > now:
                entry.last_run_at = now
                # The heap has the entries in the order of their former times; Celery builds it anew.
                self._heap = None
        return float(super().tick(*args, **kwargs))


# Celery's fixups would load Django wherever DJANGO_SETTINGS_MODULE is set.
app = Celery("modelfleet", fixups=[])
app.config_from_object("config.celery_settings")
app.conf.beat_scheduler = f"{__name__}:{SteadyScheduler.__name__}"


def _set_up_logging(**_: object) -> None:
    logging.config.dictConfig(logs.describe(environment.log_format))


signals.setup_logging.connect(_set_up_logging, weak=False)
