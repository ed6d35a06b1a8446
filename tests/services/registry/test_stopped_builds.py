"""Builds that a person cancels or that are given up, and their new start."""

from datetime import timedelta

import onnx
import pytest
from django.db.models.functions import Now

from core.actors import SYSTEM
from registry import jobs, tasks
from registry.builder import pipeline
from registry.models import Job
from registry.states import JobKind, JobStatus, VersionStatus
from registry.storage import configured_store
from registry.versions import builds
from registry.versions import verbs as versions
from registry.versions.uploads import Upload

pytestmark = pytest.mark.django_db(transaction=True)


def work_off(version):
    while pipeline.run_next():
        pass
    version.refresh_from_db()
    return version


def build_of(version, target="generic-cpu"):
    return version.jobs.get(kind=JobKind.BUILD, target=target)


@pytest.fixture
def verified(upload):
    version = upload(targets=["generic-cpu", "jetson-orin-nano"])
    pipeline.run(version.jobs.get().pk)
    return version


def test_a_build_that_waits_is_cancelled_at_once_and_the_others_make_the_version_ready(verified):
    builds.cancel(verified, build_of(verified).pk, actor=SYSTEM)
    assert build_of(verified).status == JobStatus.STOPPED
    assert work_off(verified).status == VersionStatus.READY
    assert set(verified.variants.values_list("target", flat=True)) == {"jetson-orin-nano"}


def test_a_version_whose_builds_are_all_cancelled_waits_for_a_person_and_then_becomes_ready(verified):
    for build in verified.jobs.filter(kind=JobKind.BUILD):
        builds.cancel(verified, build.pk, actor=SYSTEM)
    assert work_off(verified).status == VersionStatus.BUILDING
    assert "Canceled by" in verified.status_message
    builds.retry(verified, build_of(verified).pk, actor=SYSTEM)
    assert work_off(verified).status == VersionStatus.READY


def test_the_check_of_an_upload_is_cancelled_and_tried_again(upload):
    version = upload()
    job = version.jobs.get()
    builds.cancel(version, job.pk, actor=SYSTEM)
    assert work_off(version).status == VersionStatus.VERIFYING
    assert "can be tried again" in version.status_message
    builds.retry(version, job.pk, actor=SYSTEM)
    assert work_off(version).status == VersionStatus.READY


def test_a_build_that_is_cancelled_before_it_is_written_writes_nothing(verified, monkeypatch):
    build = build_of(verified)
    finish = jobs.finish

    def cancel_first(lease):
        if lease.job.pk == build.pk:
            builds.cancel(verified, build.pk, actor=SYSTEM)
        finish(lease)

    monkeypatch.setattr(jobs, "finish", cancel_first)
    pipeline.run(build.pk)
    build.refresh_from_db()
    assert (build.status, build.progress) == (JobStatus.STOPPED, "Canceled.")
    assert not verified.variants.exists()


def test_a_cancelled_build_whose_worker_was_lost_is_stopped_by_beat(verified):
    build = build_of(verified)
    jobs.claim(build.pk)
    builds.cancel(verified, build.pk, actor=SYSTEM)
    Job.objects.filter(pk=build.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
    assert jobs.claim(build.pk) is None
    tasks.queue_builds()
    build.refresh_from_db()
    assert build.status == JobStatus.STOPPED


def test_a_build_that_is_over_cannot_be_cancelled_and_is_queued_anew_by_a_retry(verified):
    work_off(verified)
    build = build_of(verified)
    with pytest.raises(builds.BuildIsOver):
        builds.cancel(verified, build.pk, actor=SYSTEM)
    builds.retry(verified, build.pk, actor=SYSTEM)
    assert verified.jobs.filter(target="generic-cpu").count() == 2
    assert work_off(verified).status == VersionStatus.READY


def test_a_build_that_a_worker_does_cannot_be_tried_again(verified):
    build = build_of(verified)
    jobs.claim(build.pk)
    with pytest.raises(builds.BuildIsRunning):
        builds.retry(verified, build.pk, actor=SYSTEM)


def test_the_build_of_another_version_is_not_found(verified, upload):
    other = upload("other")
    with pytest.raises(builds.UnknownBuild):
        builds.get(other, build_of(verified).pk)


def test_a_job_that_kills_its_worker_again_and_again_is_given_up_and_people_are_told(verified):
    build = build_of(verified)
    for _ in range(6):
        assert jobs.claim(build.pk)
        Job.objects.filter(pk=build.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
    pipeline.run(build.pk)
    build.refresh_from_db()
    assert (build.status, build.lost_workers) == (JobStatus.STOPPED, 6)
    assert "lost 6 times" in build.progress


def test_a_blob_that_stays_damaged_stops_the_job_and_the_same_upload_mends_it(upload, model_file):
    version = upload()
    path = configured_store.blob_store().path(version.source_id)
    path.chmod(0o640)
    path.write_bytes(b"\0" * path.stat().st_size)
    job = version.jobs.get()
    for _ in range(15):
        Job.objects.update(due_at=job.created_at)
        assert pipeline.run(job.pk)
    version.refresh_from_db()
    job.refresh_from_db()
    assert job.status == JobStatus.STOPPED
    assert "upload the same files again" in version.status_message
    taken = versions.create("digits", number="1.0.0", upload=Upload(file=model_file), actor=SYSTEM)
    assert (taken.version, taken.is_new, taken.ignored) == (version, False, [])
    assert work_off(version).status == VersionStatus.READY


def test_a_damaged_cleaned_copy_is_made_again_from_the_upload(upload, model_file):
    model = onnx.load(model_file)
    model.doc_string = "The cleaned copy has no such text."
    onnx.save(model, model_file)
    version = upload()
    pipeline.run_next()
    version.refresh_from_db()
    path = configured_store.blob_store().path(version.cleaned_id)
    content = path.read_bytes()
    path.chmod(0o640)
    path.write_bytes(b"\0" * len(content))
    assert version.cleaned_id != version.source_id
    assert work_off(version).status == VersionStatus.READY
    assert path.read_bytes() == content
    assert "made again" in build_of(version).log
