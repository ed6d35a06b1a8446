"""Models take turns."""

import pytest
from django.db.models.functions import Now

from registry import jobs
from registry.models import Job
from registry.states import JobKind, JobStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def queues(upload):
    """A model with many builds that waited longer than the two of another."""
    versions = [upload(slug) for slug in ("greedy", "modest")]
    Job.objects.all().delete()
    for version, count in zip(versions, (6, 2), strict=True):
        for place in range(count):
            jobs.queue(version, kind=JobKind.BUILD, target=f"target-{place}")


def claim():
    lease = jobs.claim_next()
    return lease.job.version.model.slug, lease.job.target


def test_models_take_turns_and_each_has_its_oldest_job_first(queues):
    order = []
    for _ in range(6):
        order.append(claim())
        Job.objects.filter(status=JobStatus.RUNNING).update(status=JobStatus.DONE)
    assert order == [
        ("greedy", "target-0"),
        ("modest", "target-0"),
        ("greedy", "target-1"),
        ("modest", "target-1"),
        ("greedy", "target-2"),
        ("greedy", "target-3"),
    ]


def test_many_workers_do_not_all_work_for_one_model(queues):
    assert sorted(claim()[0] for _ in range(4)) == ["greedy", "greedy", "modest", "modest"]


def test_a_job_that_waits_for_another_try_is_nobodys_turn(queues):
    Job.objects.filter(version__model__slug="greedy").update(status=JobStatus.DONE)
    Job.objects.update(due_at=Now())
    first = jobs.claim_next()
    jobs.give_back(first, reason="the disk is full.")
    assert claim() == ("modest", "target-1")
    assert jobs.claim_next() is None
