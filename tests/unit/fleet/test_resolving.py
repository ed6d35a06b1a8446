"""What a device should run, as a specification."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.polls.resolving import (
    ChannelFacts,
    DeviceFacts,
    Facts,
    NotAssigned,
    PinFacts,
    RolloutFacts,
    resolve,
)
from fleet.rollouts.selectors import Selector
from fleet.states import RolloutState
from fleet.variant_choice import Abilities, ManifestFacts, OfferFacts, VariantFacts, VersionFacts, read_abilities
from registry.states import VariantStatus

PI = ("raspberry-pi-5", "generic-cpu")


def version(number: str, **fields) -> VersionFacts:
    own = fields.pop("variants", (VariantFacts(id=1, target="generic-cpu", recipe="fp32-optimized"),))
    ready = tuple(variant.id for variant in own if variant.status == "ready" and variant.target in PI)
    offer = fields.pop("offer", OfferFacts(ready))
    return VersionFacts(id=int(number[0]), number=number, variants=own, offer=offer, **fields)


V1, V2, V3 = version("1.0.0"), version("2.0.0"), version("3.0.0")
STABLE = ChannelFacts(name="stable", version=V1, release_counter=5)
# dev-0002 has bucket 110 with salt r1, dev-0001 has 8461 (the contract's vectors).
R1 = RolloutFacts("r1", RolloutState.RUNNING, V2, salt="r1", bucket_limit=500, percent=5, release_counter=9)


def facts(device_id: str = "dev-0002", **fields) -> Facts:
    abilities = fields.pop("abilities", Abilities())
    device = DeviceFacts(device_id, fields.pop("targets", PI), fields.pop("labels", {}), abilities)
    return Facts(device=device, model="digits", **{"channel": STABLE, **fields})


def test_a_device_follows_its_channel():
    decision = resolve(facts())
    assert (decision.version, decision.reason, decision.release_counter) == (V1, "channel stable", 5)


def test_a_channel_that_does_not_exist_yet_assigns_nothing_and_says_so():
    decision = resolve(facts(channel=None))
    assert isinstance(decision, NotAssigned)
    assert decision.reason == "the channel stable of digits does not exist yet"


def test_a_rollout_that_covers_the_device_goes_before_the_channel():
    decision = resolve(facts(rollouts=(R1,)))
    assert (decision.version, decision.rollout_id, decision.release_counter) == (V2, "r1", 9)
    assert decision.reason == "rollout r1, stage 5 %"


def test_a_device_outside_the_stage_stays_on_the_channel():
    decision = resolve(facts("dev-0001", rollouts=(R1,)))
    assert (decision.version, decision.release_counter) == (V1, 5)
    refused = next(candidate for candidate in decision.candidates if candidate.kind == "rollout")
    assert refused.reason == "the device's bucket 8461 is not below the stage's limit 500"


def test_a_pin_goes_before_everything():
    decision = resolve(facts(rollouts=(R1,), pin=PinFacts(V3, release_counter=7)))
    assert (decision.version, decision.reason) == (V3, "pinned by an operator")


def test_the_counter_is_the_highest_act_that_bears_on_the_device_whoever_wins():
    assert resolve(facts(rollouts=(R1,), pin=PinFacts(V3, release_counter=7))).release_counter == 9
    assert resolve(facts(subscription_counter=12, rollouts=(R1,))).release_counter == 12
    assert resolve(facts("dev-0001", rollouts=(R1,))).release_counter == 5


@pytest.mark.parametrize(
    ("selector", "is_selected"),
    [
        (Selector(), True),
        (Selector(labels={"site": "osaka"}), True),
        (Selector(labels={"site": "kyoto"}), False),
        (Selector(labels={"site": "osaka", "line": "3"}), False),
        (Selector(targets=frozenset({"raspberry-pi-5"})), True),
        (Selector(targets=frozenset({"generic-cpu"})), False),
        (Selector(devices=frozenset({"dev-0002"})), True),
        (Selector(devices=frozenset({"dev-0001"})), False),
    ],
)
def test_a_rollout_is_for_the_devices_it_selects(selector, is_selected):
    decision = resolve(facts(labels={"site": "osaka"}, rollouts=(replace(R1, selector=selector),)))
    assert (decision.version == V2) is is_selected


def test_a_paused_rollout_keeps_the_devices_that_had_updated_and_takes_no_other():
    paused = replace(R1, state=RolloutState.PAUSED)
    assert resolve(facts(rollouts=(paused,))).version == V1
    assert resolve(facts(rollouts=(replace(paused, has_updated=True),))).version == V2


@pytest.mark.parametrize("bad", [{"is_quarantined": True}, {"status": "retired"}])
def test_a_version_that_may_not_be_offered_is_passed_over_by_rollout_and_pin(bad):
    worse = version("2.0.0", **bad)
    by_rollout = resolve(facts(rollouts=(replace(R1, version=worse),)))
    by_pin = resolve(facts(pin=PinFacts(worse, release_counter=7)))
    assert by_rollout.version == by_pin.version == V1
    assert (by_rollout.release_counter, by_pin.release_counter) == (9, 7)


def test_a_channel_on_a_quarantined_version_offers_nothing():
    decision = resolve(facts(channel=replace(STABLE, version=version("1.0.0", is_quarantined=True))))
    assert isinstance(decision, NotAssigned)
    assert decision.reason == "version 1.0.0 is quarantined"


OWN_INT8 = VariantFacts(id=3, target="raspberry-pi-5", recipe="static-int8", rank=0)
OWN_FP32 = VariantFacts(id=4, target="raspberry-pi-5", recipe="fp32-optimized", rank=1)
FALLBACK = VariantFacts(id=2, target="generic-cpu", recipe="fp32-optimized", rank=0)


def choose(*variants: VariantFacts, abilities: Abilities | None = None, **fields):
    offered = version("1.0.0", variants=variants, **fields)
    return resolve(facts(channel=replace(STABLE, version=offered), abilities=abilities or Abilities()))


def judged_variants(decision) -> dict[str, str]:
    return {found.name: found.reason for found in decision.candidates if found.kind == "variant"}


def test_the_offer_decides_and_no_rank():
    offer = OfferFacts((OWN_FP32.id, FALLBACK.id, OWN_INT8.id))
    assert choose(OWN_INT8, OWN_FP32, FALLBACK, offer=offer).variant == OWN_FP32
    assert choose(OWN_INT8, FALLBACK, offer=offer).variant == FALLBACK


def test_a_variant_that_no_act_has_offered_waits_and_says_so():
    decision = choose(OWN_INT8, FALLBACK, offer=OfferFacts((FALLBACK.id,)))
    assert decision.variant == FALLBACK
    reason = "ready, but no act has offered it to raspberry-pi-5 yet"
    assert judged_variants(decision)["raspberry-pi-5/static-int8"] == reason


def test_a_version_that_became_ready_for_the_target_after_its_act_assigns_nothing():
    decision = choose(OWN_INT8, offer=None)
    assert isinstance(decision, NotAssigned)
    assert decision.reason == (
        "version 1.0.0 (channel stable) became ready for raspberry-pi-5 after the act that assigns it,"
        " and waits for another act"
    )


def test_the_choice_of_another_variant_is_an_act_on_the_device():
    assert choose(OWN_INT8, offer=OfferFacts((OWN_INT8.id,), release_counter=8)).release_counter == 8
    assert choose(OWN_INT8, offer=OfferFacts((OWN_INT8.id,), release_counter=3)).release_counter == 5


OWN_NCNN = VariantFacts(id=7, target="raspberry-pi-5", recipe="ncnn-fp16", format="ncnn-tar")
BOTH = (ManifestFacts(1, "a", "b"), ManifestFacts(2, "c", "d"))


def test_a_format_whose_engine_the_device_does_not_report_is_passed_over():
    decision = choose(OWN_NCNN, FALLBACK)
    assert decision.variant == FALLBACK
    reason = "ncnn-tar needs the engine ncnn, which the device does not report"
    assert judged_variants(decision)["raspberry-pi-5/ncnn-fp16"] == reason
    able = Abilities(engines=frozenset({"ncnn", "onnxruntime"}))
    assert choose(OWN_NCNN, FALLBACK, abilities=able).variant == OWN_NCNN


def test_a_device_is_given_the_manifest_of_the_highest_schema_that_it_reads():
    both = replace(OWN_INT8, manifests=BOTH)
    assert choose(both).manifest.sha256 == "a"
    assert choose(both, abilities=Abilities(manifest_schemas=frozenset({1, 2, 3}))).manifest.sha256 == "c"


def test_a_variant_with_a_manifest_of_schema_2_only_is_passed_over_by_an_agent_that_reads_none():
    newer = replace(OWN_INT8, manifests=BOTH[1:])
    decision = choose(newer, FALLBACK)
    assert decision.variant == FALLBACK
    reason = "the device does not report that it reads manifest schema 2"
    assert judged_variants(decision)["raspberry-pi-5/static-int8"] == reason
    alone = choose(newer)
    assert isinstance(alone, NotAssigned)
    assert alone.reason == (
        "version 1.0.0 (channel stable) is offered to raspberry-pi-5 in no form that the device reports it can run"
    )


def test_an_unmeasured_variant_is_given_where_an_offer_names_it():
    unmeasured = replace(OWN_INT8, status=VariantStatus.UNMEASURED)
    assert choose(unmeasured, FALLBACK).variant == FALLBACK
    assert choose(unmeasured, FALLBACK, offer=OfferFacts((3, 2))).variant == unmeasured


@pytest.mark.parametrize("nonsense", [None, "ncnn", 3, {}, [], [None, {"a": 1}, [2], True, 1.5]])
def test_what_a_device_says_unreadably_counts_as_not_said(nonsense):
    assert read_abilities(nonsense, nonsense) == Abilities()


def test_a_device_says_what_it_can_run():
    assert read_abilities(["ncnn", 5], [1, 2, "x"]) == Abilities(frozenset({"ncnn"}), frozenset({1, 2}))


def test_only_ready_variants_are_taken_and_the_others_say_why_not():
    decision = choose(replace(OWN_INT8, status="rejected", reason="accuracy fell by 0.2"), OWN_FP32, FALLBACK)
    assert decision.variant == OWN_FP32
    judged = [
        (candidate.name, candidate.is_taken, candidate.reason)
        for candidate in decision.candidates
        if candidate.kind == "variant"
    ]
    assert judged == [
        ("raspberry-pi-5/static-int8", False, "rejected: accuracy fell by 0.2"),
        ("raspberry-pi-5/fp32-optimized", True, "first in the target's order"),
        ("generic-cpu/fp32-optimized", False, "another one goes first in the target's order"),
    ]


def test_nothing_that_fits_keeps_the_device_where_it_is_and_says_why():
    decision = choose(VariantFacts(id=9, target="rk3588", recipe="fp32-optimized"))
    assert isinstance(decision, NotAssigned)
    assert decision.reason == "version 1.0.0 (channel stable) has no ready variant for raspberry-pi-5 or generic-cpu"


def test_every_candidate_is_explained():
    decision = resolve(facts(rollouts=(R1,), pin=PinFacts(V3, release_counter=7)))
    kinds = [(candidate.kind, candidate.is_taken) for candidate in decision.candidates]
    assert kinds == [("pin", True), ("rollout", False), ("channel", False), ("variant", True)]
    assert all(candidate.reason for candidate in decision.candidates)


def test_the_rollouts_policy_comes_with_its_offer():
    assert resolve(facts(rollouts=(replace(R1, policy={"probation_s": 5}),))).policy == {"probation_s": 5}
    assert resolve(facts(channel=replace(STABLE, policy={"probation_s": 9}))).policy == {"probation_s": 9}


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_higher_limit_never_drops_a_covered_device(one, other):
    low, high = sorted((one, other))
    covered = resolve(facts(rollouts=(replace(R1, bucket_limit=low),))).version == V2
    assert not covered or resolve(facts(rollouts=(replace(R1, bucket_limit=high),))).version == V2
