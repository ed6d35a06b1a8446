"""Whatever is built in whatever order, a device is offered something else only by an act, and with a higher counter."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DomainError
from fleet.devices import pins
from fleet.models import Rollout
from fleet.polls import reading, resolving
from fleet.polls.resolving import Assigned
from fleet.rollouts import verbs as rollouts
from fleet.states import ACTIVE_ROLLOUT_STATES
from registry.models import Channel, ModelVersion, Offer, Variant
from registry.offers import verbs as offers
from registry.versions import acceptance
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db

TARGETS = ["generic-cpu", "rk3588", "intel-n100"]
DEVICES = {f"edge-{number}": TARGETS[number % 3] for number in range(6)}
VERSIONS, CHANNELS = ["1.0.0", "2.0.0"], ["stable", "beta"]
NUMBER, TARGET, DEVICE = st.sampled_from(VERSIONS), st.sampled_from(TARGETS), st.sampled_from(list(DEVICES))
VERBS = st.sampled_from(["advance", "pause", "resume", "abort", "complete"])

BUILD = st.tuples(
    st.just("build"),
    NUMBER,
    TARGET,
    st.integers(0, 3),
    st.sampled_from(["ready", "unmeasured", "suspect_calibration", "rejected"]),
)
ACCEPT = st.tuples(st.just("accept"), st.integers(0, 5))
ACTS = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(CHANNELS), NUMBER),
    st.tuples(st.just("begin"), st.sampled_from(CHANNELS), NUMBER),
    st.tuples(st.just("verb"), VERBS),
    st.tuples(st.just("put"), NUMBER, TARGET, st.integers(0, 20)),
    st.tuples(st.just("pin"), DEVICE, NUMBER),
    st.tuples(st.just("unpin"), DEVICE),
)


def build(number: str, target: str, rank: int, status: str) -> None:
    """A build, a rebuild or an added target of a READY version ends."""
    version, recipe = ModelVersion.objects.get(number=number), f"recipe-{rank}"
    if not version.variants.filter(target=target, recipe=recipe).exists():
        variant = rows.make_variant(version, target, recipe=recipe, rank=rank)
        Variant.objects.filter(pk=variant.pk).update(status=status)


def accept(index: int) -> None:
    found = list(Variant.objects.filter(status="suspect_calibration").order_by("pk"))
    if found:
        chosen = found[index % len(found)]
        acceptance.accept_calibration(chosen.version, chosen.pk, reason="ours", actor=rows.OPERATOR)


def put(number: str, target: str, index: int) -> None:
    version = ModelVersion.objects.get(number=number)
    variants = list(version.variants.order_by("pk"))
    if variants:
        chosen = variants[index % len(variants)]
        exists = Offer.objects.filter(version=version, target=target).exists()
        if_match = "*" if exists else None
        offers.put(version, target, variant_id=chosen.pk, if_match=if_match, actor=rows.OPERATOR)


def move(name: str, number: str) -> None:
    rollouts.check_no_active_rollout(Channel.objects.get(name=name))
    rows.point(name, ModelVersion.objects.get(number=number))


def begin(channel: str, number: str) -> None:
    rollout = rows.make_rollout(ModelVersion.objects.get(number=number), channel=channel, percents=(50, 100), salt="r1")
    rollouts.start(rollout.pk, actor=rows.OPERATOR)


def use_verb(verb: str) -> None:
    found = Rollout.objects.filter(state__in=ACTIVE_ROLLOUT_STATES).first()
    if found is not None:
        getattr(rollouts, verb)(found.pk, actor=rows.OPERATOR)


PERFORM = {
    "build": build,
    "accept": accept,
    "put": put,
    "move": move,
    "begin": begin,
    "verb": use_verb,
    "pin": lambda device_id, number: pins.pin(device_id, model="digits", version=number, actor=rows.OPERATOR),
    "unpin": lambda device_id: pins.unpin(device_id, model="digits", actor=rows.OPERATOR),
}


def given_now() -> dict[str, tuple[int, int | None]]:
    """Return the counter and the variant that each device would get by a poll."""
    decisions = {
        device_id: resolving.resolve(reading.find_by_device(device_id, model=None).facts) for device_id in DEVICES
    }
    return {
        device_id: (found.release_counter, found.variant.id if isinstance(found, Assigned) else None)
        for device_id, found in decisions.items()
    }


def check_statuses() -> None:
    for offer in Offer.objects.all():
        offered = Variant.objects.filter(pk__in=offer.variant_ids)
        assert not offered.exclude(status__in=["ready", "unmeasured"]).exists()
        # Without a person's choice, nothing that could not be measured is offered.
        assert offer.revision > 1 or not offered.filter(status="unmeasured").exclude(pk=offer.variant_ids[0]).exists()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happenings=st.lists(st.one_of(BUILD, BUILD, ACCEPT, ACTS), min_size=5, max_size=16))
def test_only_an_act_changes_what_a_device_is_offered_and_no_counter_falls(db, happenings):
    with transaction.atomic():
        for number in VERSIONS:
            rows.make_version(number, targets=("rk3588",))
        for name in CHANNELS:
            rows.point(name, ModelVersion.objects.get(number="1.0.0"))
        for index, (device_id, target) in enumerate(DEVICES.items()):
            rows.make_device(device_id, target=target, channel=CHANNELS[index % 2])
        before, last = given_now(), {}
        for name, *arguments in happenings:
            try:
                with transaction.atomic():
                    PERFORM[name](*arguments)
            except DomainError:
                continue
            after = given_now()
            for device_id, target in DEVICES.items():
                counter, variant = after[device_id]
                assert counter >= before[device_id][0], (name, arguments, device_id)
                is_same = after[device_id] == before[device_id]
                assert name not in {"build", "accept"} or is_same, "no act changed what a device is offered"
                assert name != "put" or is_same or arguments[1] == target, "an offer changed that of another target"
                if variant is not None:
                    known_counter, known = last.get(device_id, (0, None))
                    assert variant == known or counter > known_counter, (name, arguments, device_id)
                    last[device_id] = (counter, variant)
            check_statuses()
            before = after
        transaction.set_rollback(True)
