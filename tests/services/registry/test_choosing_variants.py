import hashlib

import pytest

from registry.models import Blob, Variant
from registry.states import VariantStatus
from registry.versions import variants

pytestmark = pytest.mark.django_db


def add(version, target, recipe, *, rank, status=VariantStatus.READY):
    blobs = [Blob.objects.get_or_create(sha256=letter * 64, defaults={"size": 1})[0] for letter in "abc"]
    files = dict(zip(("file", "manifest", "signature"), blobs, strict=True)) if status == VariantStatus.READY else {}
    return Variant.objects.create(
        version=version,
        target=target,
        recipe=recipe,
        rank=rank,
        status=status,
        recipe_digest=hashlib.sha256(recipe.encode()).hexdigest(),
        **files,
    )


def test_the_first_ready_recipe_of_the_targets_own_chain_wins(upload):
    version = upload()
    add(version, "rk3588", "static-int8", rank=1)
    add(version, "rk3588", "rknn-int8", rank=0, status=VariantStatus.NOT_APPLICABLE)
    add(version, "generic-cpu", "fp32-optimized", rank=0)
    assert variants.best_ready(version, "rk3588").recipe == "static-int8"


def test_the_fall_back_is_taken_only_where_the_target_has_nothing(upload, django_assert_num_queries):
    version = upload()
    add(version, "rk3588", "static-int8", rank=0, status=VariantStatus.REJECTED)
    add(version, "generic-cpu", "fp32-optimized", rank=2)
    with django_assert_num_queries(1):
        assert variants.best_ready(version, "rk3588").target == "generic-cpu"


def test_nothing_but_ready_is_ever_offered(upload):
    version = upload()
    for rank, status in enumerate((VariantStatus.FAILED, VariantStatus.REJECTED, VariantStatus.NOT_APPLICABLE)):
        add(version, "generic-cpu", f"recipe-{rank}", rank=rank, status=status)
    assert variants.best_ready(version, "generic-cpu") is None
    with pytest.raises(variants.NoReadyVariant):
        variants.get_ready(version, "generic-cpu")
