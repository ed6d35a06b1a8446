"""The upgrade to fixed offers gives every device the answer that it had before: same variant, same counter, same ETag."""

import hashlib
import importlib
import json

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from fleet.devices import pins
from fleet.devices.tokens import read_credentials
from fleet.polls import answering, reading, resolving
from fleet.rollouts import verbs as rollouts
from registry.models import Offer, Variant
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db

migration = importlib.import_module("fleet.migrations.0005_what_devices_are_offered_is_fixed")
FALLBACK = "generic-cpu"


@pytest.fixture
def fleet():
    """Devices of two targets on a channel, in a rollout and pinned, as the last release left them: without offers."""
    versions = [rows.make_version(f"{number}.0.0", targets=()) for number in (1, 2, 3)]
    for version in versions:
        rows.make_variant(version, FALLBACK, recipe="fp32-optimized", rank=1)
        rows.make_variant(version, FALLBACK, recipe="static-int8", rank=0)
    rows.make_variant(versions[0], "rk3588", recipe="fp32-optimized", rank=2)
    rows.make_variant(versions[0], "rk3588", recipe="static-int8", rank=1)
    Variant.objects.filter(version=versions[2], recipe="static-int8").update(status="rejected")
    rows.point("stable", versions[0])
    devices = [rows.make_device(f"edge-{number}", target=(FALLBACK, "rk3588")[number % 2]) for number in range(6)]
    rollouts.start(rows.make_rollout(versions[1], percents=(50, 100)).pk, actor=rows.OPERATOR)
    for device in devices[:2]:
        pins.pin(device.device_id, model="digits", version="3.0.0", actor=rows.OPERATOR)
    Offer.objects.all().delete()
    return devices


def rank_as_the_last_release_did(version_id: int, target: str) -> Variant:
    order = [target, FALLBACK]
    found = Variant.objects.filter(version_id=version_id, target__in=order, status="ready")
    return min(found, key=lambda row: (order.index(row.target), row.rank, row.pk))


def etag_of_the_last_release(device, *, now) -> str:
    """Compute the ETag as version 0.1 of the server did, from the sources and counters that are on the rows."""
    facts = reading.find_by_device(device.device_id, model=None).facts
    sources = resolving._list_sources(facts)
    source = next(source for source in sources if source.refusal is None)
    variant = rank_as_the_last_release_did(source.version.id, device.target)
    policy = {"activate": "immediate", "probation_s": 300, "probation_inferences": 50}
    bears = [
        [source.version.id, None],
        [variant.id, variant.file_id, variant.manifest_id],
        [source.rollout_id, resolving._highest_act(facts), answering._choose_term(device.device_id, now=now).number],
        policy,
    ]
    return hashlib.sha256(json.dumps(bears, sort_keys=True).encode()).hexdigest()[:32]


def test_no_device_is_given_another_etag_by_the_upgrade(fleet, settings):
    settings.PROBATION_SECONDS, settings.PROBATION_INFERENCES = 300, 50
    now = timezone.now()
    before = {device.device_id: etag_of_the_last_release(device, now=now) for device in fleet}
    migration.fix_offers(apps, connection.schema_editor)
    for device in fleet:
        asked = answering.Asked(
            read_credentials(f"Bearer {rows.tokens.issue_token(device)}"), device_id=device.device_id, model=None
        )
        assert answering.answer(asked, now=now).etag == before[device.device_id]
    assert set(Offer.objects.values_list("release_counter", flat=True)) == {0}


def test_versions_that_nothing_names_wait_for_their_act(fleet):
    draft = rows.make_version("9.0.0")
    rows.make_rollout(draft, channel="stable")
    migration.fix_offers(apps, connection.schema_editor)
    assert not Offer.objects.filter(version=draft).exists()
