"""What devices of a target are offered changes by acts only (docs/wire-format.md, *Offers*)."""

import pytest

from fleet.devices import pins
from fleet.polls import reading, resolving
from fleet.polls.resolving import Assigned
from fleet.rollouts import members
from fleet.rollouts import verbs as rollouts
from fleet.rollouts.selectors import Selector
from registry.models import Offer, Variant
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db


def given_to(device_id: str) -> tuple[str, int] | None:
    """Return the variant that a poll would assign, as "target/recipe", and the release counter."""
    decision = resolving.resolve(reading.find_by_device(device_id, model=None).facts)
    if not isinstance(decision, Assigned):
        return None
    return f"{decision.variant.target}/{decision.variant.recipe}", decision.release_counter


def test_a_target_that_is_added_to_a_ready_version_changes_nothing_on_its_devices():
    version = rows.make_version("1.0.0")
    rows.point("stable", version)
    rows.make_device("edge-1", target="rk3588")
    before = given_to("edge-1")
    rows.make_variant(version, "rk3588", recipe="static-int8")
    assert given_to("edge-1") == before == ("generic-cpu/fp32-optimized", 2)


def test_a_rebuild_that_makes_a_better_variant_changes_nothing_on_devices():
    version = rows.make_version("1.0.0", targets=())
    rows.make_variant(version, "generic-cpu", recipe="fp32-optimized", rank=2)
    rows.point("stable", version)
    rows.make_device("edge-1")
    before = given_to("edge-1")
    rows.make_variant(version, "generic-cpu", recipe="static-int8", rank=0)
    assert given_to("edge-1") == before == ("generic-cpu/fp32-optimized", 2)


def test_the_next_channel_move_leaves_what_was_fixed_and_offers_what_had_no_offer():
    version = rows.make_version("1.0.0", targets=("rk3588",))
    rows.point("stable", version)
    rows.make_device("edge-1", target="rk3588")
    rows.make_device("edge-2", target="intel-n100")
    assert given_to("edge-2") is None
    rows.make_variant(version, "generic-cpu")
    assert given_to("edge-2") is None
    rows.point("beta", version)
    assert given_to("edge-1") == ("rk3588/fp32-optimized", 2)
    # The move of the other channel made the version offerable to this target, so its number is on the assignment.
    assert given_to("edge-2") == ("generic-cpu/fp32-optimized", 4)


def test_a_pin_offers_to_devices_of_its_own_target_only():
    rows.point("stable", rows.make_version("1.0.0"))
    version = rows.make_version("2.0.0")
    rows.make_device("edge-1", target="rk3588")
    pins.pin("edge-1", model="digits", version="2.0.0", actor=rows.OPERATOR)
    assert list(Offer.objects.filter(version=version).values_list("target", flat=True)) == ["rk3588"]


def test_a_rollout_offers_to_the_targets_that_it_selects():
    rows.point("stable", rows.make_version("1.0.0"))
    version = rows.make_version("2.0.0")
    rollout = rows.make_rollout(version, selector=Selector(targets=frozenset({"rk3588", "intel-n100"})))
    rollouts.start(rollout.pk, actor=rows.OPERATOR)
    targets = Offer.objects.filter(version=version).values_list("target", flat=True)
    assert list(targets) == ["intel-n100", "rk3588"]


def test_the_first_device_of_a_target_that_came_with_a_new_release_is_offered_the_channels_version():
    version = rows.make_version("1.0.0")
    rows.point("stable", version)
    # As if the target's file had not been there when the channel moved.
    Offer.objects.filter(target="rk3588").delete()
    rows.make_device("edge-1", target="rk3588")
    assert given_to("edge-1") == ("generic-cpu/fp32-optimized", 2)


def test_a_preview_counts_what_the_start_will_fix_and_a_running_rollout_what_is_fixed():
    rows.point("stable", rows.make_version("1.0.0"))
    version = rows.make_version("2.0.0", targets=("rk3588",))
    rows.make_device("edge-1", target="rk3588")
    rows.make_device("edge-2")
    rollout = rows.make_rollout(version, percents=(100,))
    assert [bool(member.variant) for member in by_id(members.list_members_of(rollout))] == [True, False]
    rollout = rollouts.start(rollout.pk, actor=rows.OPERATOR)
    rows.make_variant(version, "generic-cpu")
    assert [bool(member.variant) for member in by_id(members.list_members_of(rollout))] == [True, False]


def test_a_member_that_can_run_nothing_of_the_offer_is_not_covered():
    rows.point("stable", rows.make_version("1.0.0"))
    version = rows.make_version("2.0.0")
    Variant.objects.filter(version=version).update(format="ncnn-tar")
    rows.make_device("edge-1", capabilities={"engines": ["ncnn"]})
    rows.make_device("edge-2", capabilities={"engines": ["onnxruntime"]})
    rows.make_device("edge-3")
    rollout = rows.make_rollout(version, percents=(100,))
    assert [bool(member.variant) for member in by_id(members.list_members_of(rollout))] == [True, False, False]


def by_id(found):
    return sorted(found, key=lambda member: member.device_id)
