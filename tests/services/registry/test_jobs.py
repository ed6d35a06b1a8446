import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from registry import jobs, tasks
from registry.builder.heartbeat import Heartbeat
from registry.jobs import LeaseLost
from registry.models import Job
from registry.states import JobKind, JobStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(upload):
    return upload().jobs.get()


def expire(job):
    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(seconds=1))


def test_a_job_is_claimed_once(job):
    assert jobs.claim(job.pk).job.attempts == 1
    assert jobs.claim(job.pk) is None
    assert not jobs.list_due().exists()


def test_work_that_is_open_is_not_queued_twice(job):
    assert jobs.queue(job.version, kind=JobKind.VERIFY) == job


def test_an_expired_lease_is_claimed_by_another_and_the_first_holder_writes_nothing(job):
    first = jobs.claim(job.pk)
    expire(job)
    second = jobs.claim(job.pk)
    assert second.job.attempts == 2
    assert not jobs.renew(first)
    jobs.report(first, "still here")
    jobs.give_back(first, reason="no")
    with pytest.raises(LeaseLost), transaction.atomic():
        jobs.finish(first)
    job.refresh_from_db()
    assert (job.status, job.lease_token) == (JobStatus.RUNNING, second.token)
    jobs.finish(second)
    assert jobs.claim(job.pk) is None


def test_a_renewed_lease_lasts(job):
    lease = jobs.claim(job.pk)
    expire(job)
    assert jobs.renew(lease)
    assert jobs.claim(job.pk) is None


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 5), (2, 10), (4, 40), (7, 300), (5000, 300)])
def test_what_is_given_back_is_due_later_each_time(job, attempt, seconds):
    lease = jobs.claim(job.pk)
    lease.job.attempts = attempt
    jobs.give_back(lease, reason="the disk is full.")
    job.refresh_from_db()
    assert job.progress == "Waiting to try again: the disk is full."
    assert abs((job.due_at - timezone.now()).total_seconds() - seconds) < 3
    assert not jobs.list_due().exists()


def test_a_lease_on_a_deleted_version_is_lost(job):
    lease = jobs.claim(job.pk)
    job.version.delete()
    with pytest.raises(LeaseLost):
        jobs.finish(lease)


@pytest.mark.django_db(transaction=True)
def test_the_heartbeat_prolongs_the_lease(job, settings):
    settings.BUILD_LEASE = timedelta(seconds=0.3)
    lease = jobs.claim(job.pk)
    with Heartbeat(lease):
        before = timezone.now()
        while timezone.now() < before + timedelta(seconds=1):
            Job.objects.filter(pk=job.pk).exists()
        assert jobs.claim(job.pk) is None


def test_beat_sends_what_is_due_and_nothing_else(job, monkeypatch):
    sent = []
    monkeypatch.setattr(tasks.build_job, "apply_async", lambda args, **_: sent.append(args))
    tasks.queue_builds()
    lease = jobs.claim(job.pk)
    tasks.queue_builds()
    expire(job)
    tasks.queue_builds()
    assert sent == [(job.pk,), (job.pk,)]
    assert isinstance(lease.token, uuid.UUID)
