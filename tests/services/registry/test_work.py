"""How jobs end when something fails: the model, the host, or the worker itself."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection

from registry import jobs
from registry.builder import pipeline, scratch
from registry.models import Job, Variant
from registry.states import JobKind, JobStatus, VariantStatus, VersionStatus
from registry.storage import configured_store
from registry.versions import variants

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[3]
WORKER = """
import sys, django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from registry.builder import pipeline
pipeline.run(int(sys.argv[2]))
"""


def scratch_folders():
    return list((Path(django_settings.MODELFLEET_HOME) / "tmp").glob("job-*"))


def work_off(version):
    while job := jobs.list_due().first():
        pipeline.run(job.pk)
    version.refresh_from_db()
    return version


def test_a_blob_that_is_missing_waits_and_is_tried_again(upload):
    version = upload()
    source = configured_store.blob_store().path(version.source_id)
    hidden = source.with_suffix(".hidden")
    source.rename(hidden)
    job = version.jobs.get()
    assert pipeline.run(job.pk)
    job.refresh_from_db()
    version.refresh_from_db()
    assert (job.status, version.status) == (JobStatus.QUEUED, VersionStatus.VERIFYING)
    assert job.progress.startswith("Waiting to try again")
    hidden.rename(source)
    Job.objects.update(due_at=job.created_at)
    assert work_off(version).status == VersionStatus.READY
    assert not scratch_folders()


def test_a_damaged_blob_is_never_built_from(upload):
    version = upload()
    path = configured_store.blob_store().path(version.source_id)
    content = path.read_bytes()
    path.chmod(0o640)
    path.write_bytes(content[:-1] + b"\0")
    pipeline.run(version.jobs.get().pk)
    version.refresh_from_db()
    assert version.status == VersionStatus.VERIFYING
    path.write_bytes(content)


def test_a_build_whose_worker_is_killed_is_done_by_another(upload):
    version = upload()
    pipeline.run(version.jobs.get().pk)
    build = version.jobs.get(kind=JobKind.BUILD)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "BUILD_LEASE": "2s",
        "PYTHONPATH": str(ROOT),
    }
    arguments = [sys.executable, "-c", WORKER, connection.settings_dict["NAME"], str(build.pk)]
    worker = subprocess.Popen(arguments, env=environment, cwd=ROOT)
    try:
        wait_for(lambda: Job.objects.get(pk=build.pk).progress.startswith("Compressing"))
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert scratch_folders()
    wait_for(lambda: jobs.list_due().filter(pk=build.pk).exists())
    assert work_off(version).status == VersionStatus.READY
    assert Variant.objects.filter(version=version, status=VariantStatus.READY).count() == 1
    assert not scratch_folders()


def wait_for(condition, seconds=30):
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, "it did not come to pass"
        time.sleep(0.02)


def test_redoing_a_build_changes_nothing_that_is_ready(upload):
    version = work_off(upload())
    before = list(Variant.objects.values())
    from core.actors import SYSTEM

    variants.rebuild(version, "generic-cpu", actor=SYSTEM)
    assert work_off(version).status == VersionStatus.READY
    assert list(Variant.objects.filter(status=VariantStatus.READY).values()) == [
        row for row in before if row["status"] == VariantStatus.READY
    ]


def test_a_version_that_is_ready_stays_so_while_a_target_is_added(upload):
    from core.actors import SYSTEM

    version = work_off(upload())
    variants.add_targets(version, ["jetson-orin-nano"], actor=SYSTEM)
    version.refresh_from_db()
    assert version.status == VersionStatus.READY
    work_off(version)
    assert variants.best_ready(version, "jetson-orin-nano").target == "jetson-orin-nano"


def test_calibration_data_that_does_not_fit_rejects_the_version(upload, tmp_path):
    samples = tmp_path / "calibration.npz"
    samples.write_bytes(b"not an archive")
    version = work_off(upload(calibration=samples))
    assert version.status == VersionStatus.REJECTED
    assert "calibration" in version.status_message.lower()


def test_a_fault_of_ours_is_tried_again_and_in_the_end_shown(upload, monkeypatch):
    def break_down(lease, folder):
        raise KeyError("x")

    version = upload()
    job = version.jobs.get()
    monkeypatch.setitem(pipeline._STEPS, JobKind.VERIFY, break_down)
    for _ in range(5):
        Job.objects.update(due_at=job.created_at)
        assert pipeline.run(job.pk)
    version.refresh_from_db()
    assert version.status == VersionStatus.REJECTED
    assert f"job {job.pk}" in version.status_message


def test_trouble_of_the_host_is_no_fault_of_the_model(upload, monkeypatch):
    troubles = iter([OSError(28, "No space left on device")] * 6 + [KeyError("x")])

    def fail(lease, folder):
        raise next(troubles)

    version = upload()
    job = version.jobs.get()
    monkeypatch.setitem(pipeline._STEPS, JobKind.VERIFY, fail)
    for _ in range(7):
        Job.objects.update(due_at=job.created_at)
        assert pipeline.run(job.pk)
    version.refresh_from_db()
    assert version.status == VersionStatus.VERIFYING


def test_folders_of_lost_leases_are_swept(running_engines):
    stray = Path(django_settings.MODELFLEET_HOME) / "tmp" / "job-0123"
    stray.mkdir(parents=True)
    scratch.sweep()
    assert not stray.exists()
    shutil.rmtree(stray, ignore_errors=True)


def test_the_real_digits_model_becomes_small_int8_with_its_accuracy(upload):
    digits = ROOT / "examples" / "digits"
    version = upload(file=digits / "digits-1.0.0.onnx", calibration=digits / "calibration.npz")
    assert work_off(version).status == VersionStatus.READY, version.status_message
    variant = variants.best_ready(version, "generic-cpu")
    assert variant.recipe in {"mixed-int8", "int8-storage"}
    assert variant.file.size < version.source.size / 2
    assert variant.measurements["agreement"] >= 0.98


def test_a_build_for_a_target_that_is_no_more_comes_to_an_end(upload):
    version = upload()
    pipeline.run(version.jobs.get().pk)
    Job.objects.filter(kind=JobKind.BUILD).update(target="gone")
    version.refresh_from_db()
    version.targets = ["gone"]
    version.save()
    assert pipeline.run(version.jobs.get(kind=JobKind.BUILD).pk)
    version.refresh_from_db()
    assert version.status == VersionStatus.REJECTED
    assert "gone" in version.status_message
