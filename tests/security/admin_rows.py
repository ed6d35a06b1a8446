"""One row of every model that the web admin shows."""

from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse

from core import tokens
from core.actors import SYSTEM
from core.roles import Role
from ingest.models import LandedBatch, LandingState
from registry.models import Baseline, Job
from tests import fleet_rows

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)


def make(api_client):
    User.objects.create_user("somebody")
    tokens.create("ci", role=Role.VIEWER, actor=SYSTEM)
    version = fleet_rows.make_version("1.0.0")
    fleet_rows.point("stable", version)
    fleet_rows.DeviceClient(api_client, fleet_rows.make_device("edge-1")).update()
    fleet_rows.make_key()
    fleet_rows.make_rollout(fleet_rows.make_version("2.0.0"))
    LandedBatch.objects.create(device_id="edge-1", target="generic-cpu", body=b"{}", state=LandingState.QUARANTINED)
    Job.objects.create(version=version, kind="verify")
    Baseline.objects.create(
        version=version, source="upload", samples=1, statistics={}, blob=fleet_rows.blob("b"), created_by="test"
    )


def name_of(model):
    return model._meta.label_lower


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def some_row(model):
    found = model._default_manager.filter(**({"username": "somebody"} if model is User else {})).first()
    assert found is not None, f"make a row of {name_of(model)} in tests/security/admin_rows.py"
    return found
