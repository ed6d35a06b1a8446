"""Whatever happens in whatever order, the counter that a device is given never goes down (docs/wire-format.md)."""

import uuid
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DomainError
from fleet import deployments
from fleet.devices import pins
from fleet.devices import verbs as devices
from fleet.devices.subscriptions import Follow
from fleet.models import Deployment, Rollout
from fleet.polls import answering, reading, resolving
from fleet.polls.resolving import Assigned
from fleet.rollouts import steps
from fleet.rollouts import verbs as rollouts
from fleet.rollouts.selectors import Selector
from fleet.states import ACTIVE_ROLLOUT_STATES
from registry.versions import verbs as versions
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db

IDS = [f"edge-{number}" for number in range(4)]
VERSIONS = ["1.0.0", "2.0.0", "3.0.0"]
CHANNELS = ["stable", "beta"]
VERBS = ["advance", "pause", "resume", "abort", "roll_back", "complete"]

ACTS = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(CHANNELS), st.sampled_from(VERSIONS)),
    st.tuples(
        st.just("begin"),
        st.sampled_from(CHANNELS),
        st.sampled_from(VERSIONS),
        st.sampled_from([None, "osaka", "kyoto"]),
    ),
    st.tuples(st.just("verb"), st.sampled_from(VERBS), st.integers(0, 1)),
    st.tuples(st.just("verb"), st.sampled_from(VERBS), st.integers(0, 1)),
    st.tuples(st.just("pin"), st.sampled_from(IDS), st.sampled_from(VERSIONS)),
    st.tuples(st.just("unpin"), st.sampled_from(IDS)),
    st.tuples(st.just("label"), st.sampled_from(IDS), st.sampled_from(["osaka", "kyoto"])),
    st.tuples(st.just("follow"), st.sampled_from(IDS), st.sampled_from(CHANNELS)),
    st.tuples(st.just("update"), st.sampled_from(IDS)),
)


def move(name: str, number: str) -> None:
    channel, version = rows.Channel.objects.get(name=name), versions_by_number()[number]
    if channel.version_id != version.pk:
        rollouts.check_no_active_rollout(channel)
        rows.point(name, version)


def begin(channel: str, number: str, site: str | None) -> None:
    selector = Selector(labels={"site": site} if site else {})
    version = versions_by_number()[number]
    rollout = rows.make_rollout(version, channel=channel, percents=(30, 100), selector=selector, salt="r1")
    rollouts.start(rollout.pk, actor=rows.OPERATOR)


def use_verb(verb: str, index: int) -> None:
    found = list(Rollout.objects.filter(state__in=ACTIVE_ROLLOUT_STATES).values_list("pk", flat=True))
    if found:
        getattr(rollouts, verb)(found[index % len(found)], actor=rows.OPERATOR)


def update(device_id: str) -> None:
    """Let a device take what it is told, to the end."""
    known = reading.find_by_device(device_id, model=None)
    decision = resolving.resolve(known.facts)
    if isinstance(decision, Assigned):
        now = timezone.now()
        attempt = deployments.offer(
            answering.offer_of(decision), device_pk=known.device_pk, model_pk=known.model_pk, now=now
        )
        Deployment.objects.filter(pk=attempt.pk).update(state="confirmed")


PERFORM = {
    "move": move,
    "begin": begin,
    "verb": use_verb,
    "pin": lambda device_id, number: pins.pin(device_id, model="digits", version=number, actor=rows.OPERATOR),
    "unpin": lambda device_id: pins.unpin(device_id, model="digits", actor=rows.OPERATOR),
    "label": lambda device_id, site: devices.change(device_id, actor=rows.OPERATOR, labels={"site": site}),
    "follow": lambda device_id, name: devices.change(device_id, actor=rows.OPERATOR, follows=[Follow("digits", name)]),
    "update": update,
}


def versions_by_number():
    return {version.number: version for version in rows.ModelVersion.objects.all()}


def given_now() -> dict[str, tuple[int, str | None]]:
    decisions = {device_id: resolving.resolve(reading.find_by_device(device_id, model=None).facts) for device_id in IDS}
    return {
        device_id: (found.release_counter, found.version.number if isinstance(found, Assigned) else None)
        for device_id, found in decisions.items()
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, min_size=4, max_size=14))
def test_the_counter_never_goes_down_and_every_other_version_comes_with_a_higher_one(db, acts):
    with transaction.atomic():
        for number in VERSIONS:
            rows.make_version(number)
        for name in CHANNELS:
            rows.point(name, versions_by_number()["1.0.0"])
        for device_id in IDS:
            rows.make_device(device_id, labels={"site": "osaka"})
        before, last = given_now(), {}
        for one in acts:
            try:
                with transaction.atomic():
                    PERFORM[one[0]](*one[1:])
            except DomainError:
                continue
            after = given_now()
            for device_id in IDS:
                counter, version = after[device_id]
                assert counter >= before[device_id][0], (one, device_id)
                if version is not None:
                    known_counter, known_version = last.get(device_id, (0, None))
                    # An agent refuses a lower counter; another version must come with a truly higher one.
                    assert version == known_version or counter > known_counter, (one, device_id)
                    last[device_id] = (counter, version)
            before = after
        transaction.set_rollback(True)


@pytest.fixture
def canary():
    rows.point("stable", rows.make_version("1.0.0"))
    for device_id in IDS:
        rows.make_device(device_id)
    rollout = rows.make_rollout(rows.make_version("2.0.0"), percents=(100,))
    return rollouts.start(rollout.pk, actor=rows.OPERATOR)


@pytest.mark.parametrize("verb", ["abort", "roll_back"])
def test_a_device_that_is_sent_back_is_given_a_higher_counter(canary, verb):
    updated = given_now()
    getattr(rollouts, verb)(canary.pk, actor=rows.OPERATOR)
    for device_id, (counter, version) in given_now().items():
        assert (updated[device_id][1], version) == ("2.0.0", "1.0.0")
        assert counter > updated[device_id][0]


def test_a_paused_canary_gives_those_that_go_back_a_higher_counter_too(canary):
    update(IDS[0])
    before = given_now()
    rollouts.pause(canary.pk, actor=rows.OPERATOR)
    after = given_now()
    assert [after[device_id][1] for device_id in IDS] == ["2.0.0", "1.0.0", "1.0.0", "1.0.0"]
    assert all(after[device_id][0] > before[device_id][0] for device_id in IDS)


def test_quarantine_undoes_the_same_version_on_every_channel(canary):
    rows.point("beta", versions_by_number()["1.0.0"])
    devices.change(IDS[3], actor=rows.OPERATOR, follows=[Follow("digits", "beta")])
    other = rows.make_rollout(canary.version, channel="beta", percents=(100,))
    rollouts.start(other.pk, actor=rows.OPERATOR)
    before = given_now()
    rollouts.roll_back(canary.pk, actor=rows.OPERATOR)
    after = given_now()
    other.refresh_from_db()
    assert other.state == "rolling_back"
    assert after[IDS[3]][1] == "1.0.0"
    assert after[IDS[3]][0] > before[IDS[3]][0]


def test_a_device_that_was_pinned_to_the_quarantined_version_goes_back_with_a_higher_counter(canary):
    pins.pin(IDS[0], model="digits", version="2.0.0", actor=rows.OPERATOR)
    rows.point("beta", versions_by_number()["1.0.0"])
    devices.change(IDS[1], actor=rows.OPERATOR, follows=[Follow("digits", "beta")])
    pins.pin(IDS[1], model="digits", version="2.0.0", actor=rows.OPERATOR)
    before = given_now()
    rollouts.roll_back(canary.pk, actor=rows.OPERATOR)
    after = given_now()
    for device_id in IDS[:2]:
        assert (before[device_id][1], after[device_id][1]) == ("2.0.0", "1.0.0")
        assert after[device_id][0] > before[device_id][0]


def test_what_the_documents_say_after_a_restore_gives_every_device_a_higher_counter_and_another_try(canary):
    update(IDS[0])
    Deployment.objects.update(state="failed", failure_class="downgrade", rollout=None)
    rollouts.abort(canary.pk, actor=rows.OPERATOR)
    pins.pin(IDS[1], model="digits", version="2.0.0", actor=rows.OPERATOR)
    before = given_now()
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    exec(page.partition('shell -c "')[2].partition('"\n```')[0])
    assert all(given_now()[device_id][0] > before[device_id][0] + 999_000 for device_id in IDS)
    update(IDS[0])
    assert Deployment.objects.filter(device__device_id=IDS[0]).latest("offered_at").state == "confirmed"


def test_unknown_rollouts_are_refused_by_name():
    with pytest.raises(rollouts.UnknownRollout):
        rollouts.start(uuid.uuid4(), actor=rows.OPERATOR)


def test_a_version_that_is_quarantined_elsewhere_pauses_the_rollout_instead_of_completing_it(canary):
    for device_id in IDS:
        update(device_id)
    versions.quarantine(canary.version, reason="by hand", actor=rows.OPERATOR)
    assert steps.take_all(now=timezone.now()) == 1
    canary.refresh_from_db()
    assert canary.state == "paused"
    assert "quarantined" in canary.reason
