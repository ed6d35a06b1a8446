"""Work that was done is taken from the cache, and judged again."""

import pytest
from django.db import transaction

from core.actors import SYSTEM
from registry import jobs
from registry.builder import build_cache, pipeline
from registry.compression import attempts
from registry.models import CachedBuild, Job, ModelVersion
from registry.states import JobKind, VariantStatus, VersionStatus
from registry.storage import configured_store
from registry.versions import variants

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def runs(monkeypatch):
    """Each task that went into the sandbox."""
    found = []
    run = attempts.sandbox.run

    def count(task, request, **options):
        found.append(task.name)
        return run(task, request, **options)

    monkeypatch.setattr(attempts.sandbox, "run", count)
    return found


def work_off(version):
    while pipeline.run_next():
        pass
    version.refresh_from_db()
    return version


def test_the_second_target_costs_nothing_where_its_recipes_are_the_same(upload, runs):
    version = work_off(upload(targets=["generic-cpu"]))
    cold = runs.count("build")
    assert cold
    variants.add_targets(version, ["intel-n100"], actor=SYSTEM)
    work_off(version)
    assert runs.count("build") == cold
    both = version.variants.filter(status=VariantStatus.READY).order_by("target")
    assert [row.target for row in both] == ["generic-cpu", "intel-n100"]
    assert len({row.file_id for row in both}) == 1
    assert "taken from the cache" in version.jobs.get(target="intel-n100").log


def test_the_same_model_under_another_name_is_taken_from_the_cache(upload, runs):
    work_off(upload())
    cold = runs.count("build")
    assert work_off(upload("other")).status == VersionStatus.READY
    assert runs.count("build") == cold


def test_what_comes_from_the_cache_is_judged_by_the_limits_of_its_target(upload, monkeypatch):
    version = work_off(upload())
    monkeypatch.setattr(attempts.gates, "judge", lambda *_, **__: ["It is too large for this target."])
    variants.add_targets(version, ["intel-n100"], actor=SYSTEM)
    work_off(version)
    rows = version.variants.filter(target="intel-n100").exclude(status=VariantStatus.NOT_APPLICABLE)
    assert set(rows.values_list("status", "reason")) == {("rejected", "It is too large for this target.")}


def test_a_damaged_file_of_the_cache_is_built_again(upload, runs):
    version = work_off(upload())
    cold = runs.count("build")
    file = CachedBuild.objects.exclude(file=None).get().file
    path = configured_store.blob_store().path(file.sha256)
    path.chmod(0o640)
    path.write_bytes(b"\0" * file.size)
    variants.add_targets(version, ["intel-n100"], actor=SYSTEM)
    work_off(version)
    assert runs.count("build") == cold + 1
    assert variants.best_ready(version, "intel-n100").target == "intel-n100"


def test_a_result_that_an_older_release_wrote_in_another_form_is_no_result(upload, tmp_path):
    CachedBuild.objects.create(key="1" * 64, answer={"built": {"unknown": 1}})
    assert build_cache.get("1" * 64, folder=tmp_path) is None
    assert not CachedBuild.objects.exists()


def test_results_that_nobody_used_for_long_are_forgotten(upload):
    version = work_off(upload())
    assert build_cache.evict() == 0
    CachedBuild.objects.update(used_at="2020-01-01T00:00:00Z")
    assert build_cache.evict() > 0
    assert not CachedBuild.objects.exists()
    assert version.variants.filter(status=VariantStatus.READY).exists()


def test_all_recipes_are_built_for_comparison_and_the_default_stays(upload):
    version = work_off(upload())
    before = variants.best_ready(version, "generic-cpu")
    variants.build_all_recipes(version, [], actor=SYSTEM)
    work_off(version)
    assert {row.recipe for row in version.variants.all()} >= set(attempts.RECIPES)
    assert variants.best_ready(version, "generic-cpu") == before


def test_a_build_that_is_asked_for_all_recipes_while_it_runs_is_done_once_more(upload):
    version = upload()
    pipeline.run_next()
    lease = jobs.claim(version.jobs.get(kind=JobKind.BUILD).pk)
    version.refresh_from_db()
    variants.build_all_recipes(version, [], actor=SYSTEM)
    with transaction.atomic():
        jobs.finish(lease)
    assert work_off(version).status == VersionStatus.READY
    assert {row.recipe for row in version.variants.all()} >= set(attempts.RECIPES)
    assert Job.objects.get(pk=lease.job.pk).builds_all_recipes


def test_a_version_that_is_not_verified_builds_no_recipes(upload):
    with pytest.raises(variants.CannotBuild):
        variants.build_all_recipes(ModelVersion.objects.get(pk=upload().pk), [], actor=SYSTEM)
