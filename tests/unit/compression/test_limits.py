"""Limits that follow the size of a model."""

from dataclasses import replace

import pytest

from registry.compression.refusal import ModelRefused
from registry.compression.sandbox import machine
from registry.compression.sandbox.limits import GIBIBYTE, MEBIBYTE, limits_for, limits_for_intake
from tests.unit.compression.graphs import LIMITS

LARGE_BUILDER = replace(LIMITS, memory_bytes=16 * GIBIBYTE)


def test_a_small_model_gets_the_usual_memory_and_no_more():
    assert limits_for(MEBIBYTE, limits=LARGE_BUILDER).memory_bytes == 4 * GIBIBYTE


def test_a_large_model_gets_more_where_the_builder_has_it():
    assert limits_for(600 * MEBIBYTE, limits=LARGE_BUILDER).memory_bytes == 5184 * MEBIBYTE


def test_no_model_gets_more_than_the_builder_gives():
    assert limits_for(MEBIBYTE, limits=replace(LIMITS, memory_bytes=GIBIBYTE)).memory_bytes == GIBIBYTE


def test_what_does_not_fit_is_refused_with_the_figures():
    with pytest.raises(
        ModelRefused, match=r"A model of 600 MiB needs 5184 MiB of memory; this builder gives 4096 MiB"
    ) as caught:
        limits_for(600 * MEBIBYTE, limits=LIMITS)
    assert caught.value.reason == "too_large_for_the_builder"


def test_the_largest_model_that_fits_is_accepted():
    size = (4 * GIBIBYTE - 384 * MEBIBYTE) // 8
    assert limits_for(size, limits=LIMITS).memory_bytes == 4 * GIBIBYTE
    with pytest.raises(ModelRefused):
        limits_for(size + 1, limits=LIMITS)


@pytest.mark.parametrize(("size", "seconds"), [(0, 4), (MEBIBYTE, 4), (50 * MEBIBYTE, 9), (400 * MEBIBYTE, 44)])
def test_the_intake_may_take_longer_for_a_large_model(size, seconds):
    assert limits_for_intake(size, limits=LIMITS).cpu_seconds == seconds


def test_the_intake_never_takes_longer_than_the_setting():
    assert limits_for_intake(400 * MEBIBYTE, limits=replace(LIMITS, cpu_seconds=10)).cpu_seconds == 10


def test_a_machine_gives_a_part_of_its_memory():
    assert 0 < machine.choose_memory_bytes() < 1 << 50
