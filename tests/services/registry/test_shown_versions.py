import pytest

from registry.models import Offer
from registry.versions import queries
from registry.versions.details import describe_version
from tests import fleet_rows

pytestmark = pytest.mark.django_db


def shown():
    return describe_version(queries.get_shown_version("digits", "1.0.0"))


def test_the_first_ready_variant_is_the_default_until_an_act_fixes_an_offer():
    version = fleet_rows.make_version("1.0.0", targets=())
    first = fleet_rows.make_variant(version, "rk3588", recipe="static-int8", rank=0)
    second = fleet_rows.make_variant(version, "rk3588", rank=1)
    assert [row.id for row in shown().variants if row.is_default] == [first.pk]
    Offer.objects.create(version=version, target="rk3588", variant_ids=[second.pk, first.pk])
    assert [row.id for row in shown().variants if row.is_default] == [second.pk]


def test_the_task_is_what_the_intake_understood_else_what_a_person_said():
    version = fleet_rows.make_version("1.0.0")
    version.metadata = {"task": {"kind": "detection"}}
    version.save()
    assert shown().task == {"kind": "detection"}
    version.inspection = {"task": {"kind": "detection", "is_assumed": False, "layout": "yolo"}}
    version.save()
    assert shown().task["layout"] == "yolo"


def test_a_task_that_is_no_object_is_not_shown():
    version = fleet_rows.make_version("1.0.0")
    version.metadata = {"task": "detection"}
    version.save()
    assert shown().task == {}
