"""The Celery application of beat: it sends hints by the tasks' names, so it loads neither the tasks nor Django."""

import logging.config
from typing import Any

from celery import Celery, signals
from celery.beat import PersistentScheduler

from config import logs
from config.environment import environment


class SteadyScheduler(PersistentScheduler):
    """Sends on when the clock is set back; Celery's own would wait until it has caught up."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; return the seconds until the next call."""
        for entry in self.schedule.values():
            now = entry.default_now()
            if entry.last_run_at is None or entry.last_run_at > now:
                entry.last_run_at = now
                # The order in which entries wait is of the former time too.
                self._heap = None
        return float(super().tick(*args, **kwargs))


# Without its fixups Celery leaves Django alone, whatever DJANGO_SETTINGS_MODULE says.
app = Celery("modelfleet", fixups=[])
app.config_from_object("config.celery_settings")
app.conf.beat_scheduler = f"{__name__}:{SteadyScheduler.__name__}"


def _set_up_logging(**_: Any) -> None:
    logging.config.dictConfig(logs.describe(environment.log_format))


signals.setup_logging.connect(_set_up_logging, weak=False)
