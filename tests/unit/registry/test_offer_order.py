"""The order in which an act offers variants, as a specification."""

from dataclasses import dataclass

from registry.offers.order import choose_order, move_to_head

PI = ("raspberry-pi-5", "generic-cpu")


@dataclass(frozen=True)
class Row:
    pk: int
    target: str = "raspberry-pi-5"
    rank: int = 0
    preset: str = "balanced"


OWN_INT8, OWN_FP32, FALLBACK = Row(3, rank=0), Row(4, rank=1), Row(2, target="generic-cpu")


def choose(*rows: Row, targets=PI) -> list[int]:
    return [row.pk for row in choose_order(rows, targets=targets, preset="balanced")]


def test_the_targets_own_variants_go_before_its_fall_backs_and_in_their_order():
    assert choose(FALLBACK, OWN_FP32, OWN_INT8) == [3, 4, 2]
    assert choose(FALLBACK, OWN_FP32) == [4, 2]
    assert choose(FALLBACK) == [2]


def test_a_variant_of_a_foreign_target_is_never_in_it():
    assert choose(Row(9, target="rk3588"), FALLBACK) == [2]
    assert choose(OWN_INT8, targets=("generic-cpu",)) == []


def test_the_versions_own_preset_goes_before_others():
    assert choose(Row(5, preset="small"), Row(6, rank=3)) == [6, 5]


def test_among_equals_the_older_goes_first():
    assert choose(Row(8), Row(7)) == [7, 8]


def test_a_person_moves_one_to_the_head_and_the_others_keep_their_order():
    assert move_to_head([3, 4, 2], head=2) == [2, 3, 4]
    assert move_to_head([3, 4], head=9) == [9, 3, 4]
    assert move_to_head([3, 4], head=3) == [3, 4]
