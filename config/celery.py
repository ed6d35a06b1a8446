"""The Celery application of web and workers. It loads the tasks of all apps."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("modelfleet")
app.config_from_object("config.celery_settings")
app.autodiscover_tasks(["core", "registry", "fleet", "ingest", "analytics"])
