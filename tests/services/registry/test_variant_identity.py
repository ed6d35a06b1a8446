"""A variant is known by version, target, preset and the digest of its recipe."""

import pytest

from registry.builder import recording
from registry.builder.publishing import Published
from registry.compression.attempts import Attempt
from registry.compression.targets import get_target
from registry.models import Blob, Variant
from registry.states import VariantStatus
from registry.versions import variants

pytestmark = pytest.mark.django_db

READY, FAILED, REJECTED = VariantStatus.READY, VariantStatus.FAILED, VariantStatus.REJECTED


def record(version, *attempts, preset="balanced"):
    published = {attempt.recipe_digest: files() for attempt in attempts if attempt.status == READY}
    recording.record(version, get_target("generic-cpu"), attempts, preset=preset, published=published)


def attempt(recipe, status, *, digest):
    return Attempt(recipe=recipe, status=status, recipe_digest=digest * 64)


def files():
    blobs = [Blob.objects.get_or_create(sha256=letter * 64, defaults={"size": 1})[0] for letter in "abc"]
    return Published(file=blobs[0], manifest=blobs[1], signature=blobs[2])


def rows(version):
    return sorted(version.variants.values_list("recipe", "recipe_digest", "status"))


def test_a_rebuild_under_a_new_digest_takes_the_place_of_what_was_not_ready(upload):
    version = upload()
    record(version, attempt("static-int8", FAILED, digest="1"), attempt("fp32-optimized", READY, digest="2"))
    record(version, attempt("static-int8", REJECTED, digest="3"), attempt("fp32-optimized", READY, digest="2"))
    assert rows(version) == [("fp32-optimized", "2" * 64, "ready"), ("static-int8", "3" * 64, "rejected")]


def test_a_rebuild_under_a_new_digest_leaves_what_is_ready_in_its_place(upload):
    version = upload()
    record(version, attempt("static-int8", READY, digest="1"))
    before = variants.best_ready(version, "generic-cpu")
    record(version, attempt("static-int8", READY, digest="3"))
    assert Variant.objects.filter(version=version, status=READY).count() == 2
    assert variants.best_ready(version, "generic-cpu") == before


def test_one_recipe_with_two_sets_of_parameters_has_two_rows(upload):
    version = upload()
    both = attempt("static-int8", REJECTED, digest="1"), attempt("static-int8", FAILED, digest="2")
    record(version, *both)
    record(version, *both)
    assert len(rows(version)) == 2


def test_presets_do_not_replace_each_other(upload):
    version = upload()
    record(version, attempt("static-int8", REJECTED, digest="1"))
    record(version, attempt("static-int8", REJECTED, digest="2"), preset="exact")
    assert len(rows(version)) == 2
