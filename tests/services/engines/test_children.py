"""Which children a server is made of, by its settings."""

import dataclasses
import itertools
import subprocess
import sys

import pytest

from config.environment import environment
from config.supervisor import children

ALL = ["postgres", "redis", "prepare", "web", "files", "worker", "builder", "beat"]


def list_children(**settings):
    changed = dataclasses.replace(
        environment, **{"database_url": None, "redis_url": None, "s3_endpoint_url": None} | settings
    )
    return children.list_children(changed, address="127.0.0.1", files_port=8001)


def test_with_nothing_set_everything_is_embedded():
    assert [child.name for child in list_children()] == ALL


@pytest.mark.parametrize(
    ("setting", "url", "absent"),
    [
        ("database_url", "postgresql://db/fleet", "postgres"),
        ("redis_url", "redis://cache", "redis"),
        ("s3_endpoint_url", "http://store:9000", "files"),
    ],
)
def test_what_a_url_names_elsewhere_is_not_started_here(setting, url, absent):
    assert [child.name for child in list_children(**{setting: url})] == [name for name in ALL if name != absent]


def test_whatever_is_needed_is_there_and_comes_before():
    for found in (list_children(), list_children(database_url="postgresql://db/fleet", redis_url="redis://cache")):
        names = [child.name for child in found]
        for child in found:
            assert set(child.needs) <= set(names[: names.index(child.name)])


def test_engines_stop_last_and_all_graces_together_stay_within_ten_seconds():
    found = sorted(list_children(), key=lambda child: child.stop_rank)
    ranks = [
        (rank, [child.name for child in members], max(child.stop_seconds for child in members))
        for rank, group in itertools.groupby(found, key=lambda child: child.stop_rank)
        for members in [list(group)]
    ]
    assert [names for _rank, names, _seconds in ranks] == [
        ["beat"], ["worker", "builder"], ["prepare", "web", "files"], ["redis"], ["postgres"],
    ]  # fmt: skip
    assert sum(seconds for _rank, _names, seconds in ranks) <= 10


def test_the_workers_read_exactly_the_queues_that_tasks_are_sent_to():
    from config import celery_settings

    routed = {route["queue"] for route in celery_settings.task_routes.values()}
    words = [word for child in list_children() for word in child.command if word.startswith("--queues=")]
    read = [queue for word in words for queue in word.removeprefix("--queues=").split(",")]
    assert sorted(read) == sorted({celery_settings.task_default_queue, *routed})


def test_beat_sends_only_what_a_worker_knows():
    from config import beat, celery

    celery.app.loader.import_default_modules()
    assert {entry["task"] for entry in beat.app.conf.beat_schedule.values()} <= set(celery.app.tasks)


@pytest.mark.parametrize("module", ["config.beat", "config.supervisor.serving", "config.web.files"])
def test_what_needs_no_django_loads_none(module):
    script = f"import sys, {module}; print([name for name in ('django.db', 'numpy') if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
