"""At every step of a job: the worker is killed, a person cancels, another worker takes over, the store fails."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.db.models.functions import Now

from core.actors import SYSTEM
from registry import jobs
from registry.builder import pipeline
from registry.builder.progress import Progress
from registry.models import Job, Variant
from registry.states import JobKind, JobStatus, VariantStatus, VersionStatus
from registry.storage import configured_store
from registry.versions import builds

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[3]
VERIFYING = ["Fetching the upload.", "Checking the model in the sandbox.", "Storing the model."]
BUILDING = ["Fetching the model.", "Compressing and measuring in the sandbox.", "Signing and storing."]
STEPS = [*((JobKind.VERIFY, step) for step in VERIFYING), *((JobKind.BUILD, step) for step in BUILDING)]
# A worker that does at one step what the last argument says, and goes on.
WORKER = """
import resource, sys, time, django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from registry.builder import pipeline
from registry.builder.progress import Progress
begin = Progress.begin

def stop_at_the_step(self, step):
    begin(self, step)
    if step == sys.argv[3]:
        exec(sys.argv[4])

Progress.begin = stop_at_the_step
pipeline.run(int(sys.argv[2]))
"""


def start_worker(job, step, *, then):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-c", WORKER, connection.settings_dict["NAME"], str(job.pk), step, then]
    return subprocess.Popen(arguments, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)


def wait_for(condition, seconds=60):
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, "it did not come to pass"
        time.sleep(0.02)


def job_at(version, kind):
    """Return the job of a kind, with everything before it done."""
    if kind == JobKind.BUILD:
        pipeline.run_next()
    return version.jobs.get(kind=kind)


def work_off(version):
    Job.objects.filter(status=JobStatus.QUEUED).update(due_at=Now())
    while pipeline.run_next():
        pass
    version.refresh_from_db()
    return version


def expire(job):
    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(seconds=1))


def scratch_folders():
    return list((Path(django_settings.MODELFLEET_HOME) / "tmp").glob("job-*"))


def assert_built_once(version):
    assert version.status == VersionStatus.READY
    assert Variant.objects.filter(version=version, status=VariantStatus.READY).count() == 1
    assert not scratch_folders()


@pytest.fixture
def at_step(monkeypatch):
    """``at_step(step, act)`` acts once when a worker of this process begins the step."""

    def arrange(step, act):
        begin, acts = Progress.begin, [act]

        def begin_and_act(self, name):
            begin(self, name)
            if name == step and acts:
                acts.pop()()

        monkeypatch.setattr(Progress, "begin", begin_and_act)

    return arrange


@pytest.mark.parametrize(("kind", "step"), STEPS)
def test_a_worker_that_is_killed_at_a_step_costs_nothing_but_time(upload, kind, step):
    version = upload()
    job = job_at(version, kind)
    worker = start_worker(job, step, then="time.sleep(600)")
    try:
        wait_for(lambda: Job.objects.get(pk=job.pk).progress == step)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    expire(job)
    assert_built_once(work_off(version))
    assert Job.objects.get(pk=job.pk).lost_workers == 1


@pytest.mark.parametrize(("kind", "step"), STEPS)
def test_a_job_that_is_canceled_at_a_step_writes_nothing_and_can_be_tried_again(upload, at_step, kind, step):
    version = upload()
    job = job_at(version, kind)
    at_step(step, lambda: builds.cancel(version, job.pk, actor=SYSTEM))
    pipeline.run(job.pk)
    job.refresh_from_db()
    assert (job.status, Variant.objects.count()) == (JobStatus.STOPPED, 0)
    assert not scratch_folders()
    builds.retry(version, job.pk, actor=SYSTEM)
    assert_built_once(work_off(version))


@pytest.mark.parametrize(("kind", "step"), STEPS)
def test_a_worker_whose_job_another_one_did_meanwhile_writes_nothing(upload, at_step, kind, step):
    version = upload()
    job = job_at(version, kind)

    def take_over():
        expire(job)
        assert pipeline.run(job.pk)

    at_step(step, take_over)
    pipeline.run(job.pk)
    assert_built_once(work_off(version))


def test_a_slow_store_does_not_cost_the_lease(upload, at_step, settings):
    settings.BUILD_LEASE = timedelta(seconds=0.6)
    version = upload()
    job = version.jobs.get()
    claimed = []

    def wait():
        time.sleep(1.5)
        claimed.append(jobs.claim(job.pk))

    at_step("Fetching the upload.", wait)
    pipeline.run(job.pk)
    assert claimed == [None]
    assert_built_once(work_off(version))


@pytest.mark.parametrize(
    ("kind", "step"), [(JobKind.VERIFY, "Storing the model."), (JobKind.BUILD, "Signing and storing.")]
)
def test_a_full_store_lets_the_job_wait_and_says_so(upload, kind, step):
    version = upload()
    job = job_at(version, kind)
    # A limit on the size of files answers as a full disk does.
    worker = start_worker(job, step, then="resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))")
    assert worker.wait(60) == 0
    job.refresh_from_db()
    assert job.status == JobStatus.QUEUED
    assert job.progress.startswith("Waiting to try again: Cannot store a blob")
    assert "Waiting to try again" in job.log
    assert_built_once(work_off(version))


@pytest.mark.parametrize(("kind", "step"), [(JobKind.VERIFY, VERIFYING[0]), (JobKind.BUILD, BUILDING[2])])
def test_a_store_that_is_down_lets_the_job_wait_and_says_so(upload, at_step, settings, kind, step):
    version = upload()
    job = job_at(version, kind)

    def go_down():
        settings.S3_ENDPOINT_URL = "http://127.0.0.1:9"
        settings.S3_ACCESS_KEY_ID = settings.S3_SECRET_ACCESS_KEY = "nobody"
        configured_store.blob_store.cache_clear()
        configured_store._s3_store.cache_clear()

    at_step(step, go_down)
    try:
        pipeline.run(job.pk)
    finally:
        settings.S3_ENDPOINT_URL = None
        configured_store.blob_store.cache_clear()
        configured_store._s3_store.cache_clear()
    job.refresh_from_db()
    assert (job.status, job.progress[:20]) == (JobStatus.QUEUED, "Waiting to try again")
    assert_built_once(work_off(version))
