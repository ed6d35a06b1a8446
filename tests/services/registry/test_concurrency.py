"""What two at a time may not break."""

import os
import subprocess
import sys
import threading

import pytest
from django.db import connection

from core.errors import DomainError
from registry import jobs
from registry.builder import pipeline
from registry.models import ModelVersion
from registry.states import JobKind, VersionStatus
from registry.versions import verbs as versions

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*actions):
    """Run the actions in threads that start together, and return what each returned or raised."""
    barrier, results = threading.Barrier(len(actions)), [None] * len(actions)

    def run(place, action):
        barrier.wait()
        try:
            results[place] = action()
        except DomainError as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_two_uploads_with_other_bytes_one_is_the_version_and_one_a_conflict(upload, tmp_path):
    files = []
    for name in ("a", "b"):
        files.append(tmp_path / name)
        files[-1].write_bytes(name.encode())
    results = at_once(*(lambda file=file: upload(file=file) for file in files))
    assert sorted(type(result).__name__ for result in results) == ["ModelVersion", "VersionExists"]
    assert ModelVersion.objects.count() == 1


def test_of_two_workers_one_gets_the_job(upload):
    job = upload().jobs.get()
    leases = at_once(*[lambda: jobs.claim(job.pk)] * 4)
    assert len([lease for lease in leases if lease is not None]) == 1


def test_two_builds_that_end_together_make_the_version_ready(upload):
    version = upload(targets=["generic-cpu", "jetson-orin-nano"])
    pipeline.run(version.jobs.get().pk)
    builds = version.jobs.filter(kind=JobKind.BUILD).values_list("pk", flat=True)
    at_once(*[lambda pk=pk: pipeline.run(pk) for pk in builds])
    version.refresh_from_db()
    assert version.status == VersionStatus.READY


def test_a_version_deleted_while_it_is_built_stays_deleted(upload):
    from core.actors import SYSTEM

    version = upload()
    job = version.jobs.get()
    at_once(lambda: pipeline.run(job.pk), lambda: versions.delete(version, actor=SYSTEM))
    assert not ModelVersion.objects.exists()


def test_web_and_beat_load_neither_onnx_nor_boto3():
    script = (
        "import django, sys; django.setup(); import config.urls, registry.tasks, config.rsgi;"
        "print([name for name in ('onnx', 'onnxruntime', 'boto3', 'registry.compression.sandbox.parent') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "[]"


def test_of_two_who_delete_a_version_one_is_told_that_it_is_gone(upload):
    from core.actors import SYSTEM

    found = [ModelVersion.objects.get(pk=upload().pk) for _ in range(2)]
    results = at_once(*[lambda version=version: versions.delete(version, actor=SYSTEM) for version in found])
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "UnknownVersion"]
