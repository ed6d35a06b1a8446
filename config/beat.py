"""The Celery application of beat: it sends hints by the tasks' names, so it loads neither the tasks nor Django."""

import logging.config
from typing import Any

from celery import Celery, signals

from config import logs
from config.environment import environment

# Without its fixups Celery leaves Django alone, whatever DJANGO_SETTINGS_MODULE says.
app = Celery("modelfleet", fixups=[])
app.config_from_object("config.messages")


def _set_up_logging(**_: Any) -> None:
    logging.config.dictConfig(logs.describe(environment.log_format))


signals.setup_logging.connect(_set_up_logging, weak=False)
