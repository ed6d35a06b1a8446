"""One version does not take the builders' time from all others."""

from datetime import timedelta

import pytest

from core.actors import SYSTEM
from registry import jobs
from registry.builder import pipeline
from registry.builder.spending import Spending
from registry.compression import attempts
from registry.compression.sandbox.parent import SandboxKilled
from registry.compression.targets import get_target
from registry.models import ModelVersion
from registry.states import JobKind, VariantStatus
from registry.versions import builds, variants

pytestmark = pytest.mark.django_db(transaction=True)


def work_off(version):
    while pipeline.run_next():
        pass
    version.refresh_from_db()
    return version


@pytest.fixture
def slow(upload, monkeypatch):
    """A version for two targets whose recipes all cross the limit of time, and the recipes that were tried."""
    tried = []
    run = attempts.sandbox.run

    def cross(task, request, **options):
        if task.name != "build":
            return run(task, request, **options)
        tried.append(request.recipe)
        raise SandboxKilled("It took longer than 900 seconds.", reason="wall_time")

    monkeypatch.setattr(attempts.sandbox, "run", cross)
    return upload(targets=["generic-cpu", "intel-n100"]), tried


def test_a_recipe_that_crossed_the_limit_for_one_target_is_not_tried_for_the_next(slow):
    version, tried = slow
    work_off(version)
    assert len(tried) == len(set(tried))
    [first, second] = [version.variants.filter(target=name) for name in ("generic-cpu", "intel-n100")]
    assert "took longer" in first.get(recipe="fp32-optimized").reason
    reason = second.get(recipe="fp32-optimized").reason
    assert reason.startswith("Skipped: fp32-optimized took longer than the allowed 600 s")
    assert "for generic-cpu" in reason


def test_a_version_that_used_up_its_time_shows_it_and_builds_again_when_a_person_asks(upload, settings):
    settings.BUILD_TIME_PER_VERSION = timedelta(seconds=0)
    version = work_off(upload())
    assert "minutes of the builders" in version.status_message
    settings.BUILD_TIME_PER_VERSION = timedelta(hours=1)
    ModelVersion.objects.update(status="building")
    build = version.jobs.get(kind=JobKind.BUILD)
    builds.retry(version, build.pk, actor=SYSTEM)
    assert work_off(version).status == "ready"
    assert version.builder_seconds > 0


def test_parallel_builds_see_each_others_time(upload):
    version, step = upload(), get_target("generic-cpu").chain[0]
    for target in ("generic-cpu", "intel-n100"):
        Spending(version, target=target).add(step, recipe_digest="1" * 64, seconds=3, crossed_a_limit=False)
    version.refresh_from_db()
    assert (version.builder_seconds, version.slow_recipes) == (6, {})


def test_a_rebuild_forgets_which_recipes_were_slow(slow):
    version, tried = slow
    work_off(version)
    ModelVersion.objects.update(status="building")
    count = len(tried)
    variants.rebuild(version, "intel-n100", actor=SYSTEM)
    work_off(version)
    assert len(tried) > count
    assert version.variants.filter(status=VariantStatus.FAILED).exists()
    assert not jobs.list_due().exists()
