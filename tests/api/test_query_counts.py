"""How many SQL statements each endpoint and each page takes, against ``tests/query_counts.json``.

The rows of the world are few but more than one of each kind, so that a query per row shows. ``make query-counts`` writes the file
anew; a larger number in its diff needs a reason. Savepoints are not counted: outside tests the outermost one is the transaction.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.utils import timezone

from analytics.models import Alert
from core.models import ApiToken
from fleet.rollouts import verbs as rollouts
from registry.models import Job
from tests import fleet_rows, telemetry_rows

pytestmark = pytest.mark.django_db

PINNED = Path(__file__).parents[1] / "query_counts.json"
SCHEMA = Path(__file__).parents[1] / "contract" / "openapi.json"
IS_WRITING = "WRITE_QUERY_COUNTS" in os.environ

VERSION = "/api/models/digits/versions/2.0.0"
DRIFT = "model=digits&version=1.0.0"
# Who asks: an API token of the role "admin", a device, nobody, or a person in a browser.
API, DEVICE, NOBODY, PERSON = "api", "device", "nobody", "person"


@dataclass(frozen=True)
class Call:
    """One request; names in braces are filled in from the world, ``status`` is what it must answer."""

    path: str
    method: str = "get"
    caller: str = API
    status: int = 200
    body: Any = None
    form: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.method.upper()} {self.path}"


def post(path: str, body: Any = None, **fields: Any) -> Call:
    return Call(path, method="post", body=body, **fields)


def page(path: str, **fields: Any) -> Call:
    return Call(path, caller=PERSON, **fields)


def act(path: str, body: Any = None, *, status: int = 302) -> Call:
    return Call(path, method="post", caller=PERSON, body=body or {}, status=status, form=True)


PLAN = {"model": "digits", "channel": "beta", "version": "2.0.0", "stages": [{"percent": 50}, {"percent": 100}]}
RECORD = {"timestamp": 1_790_000_000, "latency_ms": 2.0, "model_version": "1.0.0", "confidence": 0.9, "class_id": 3}
CALLS = [
    # Devices
    post(
        "/api/devices/enroll",
        {"device_id": "edge-9", "enrollment_key": "{key_secret}", "target": "generic-cpu"},
        caller=NOBODY,
        status=201,
    ),
    Call("/api/models/latest?device_id=edge-3", caller=DEVICE),
    post(
        "/api/devices/self/heartbeat",
        {"running": [{"model": "digits", "version": "1.0.0", "sha256": "0" * 64}]},
        caller=DEVICE,
    ),
    post(
        "/api/devices/self/reports",
        {"attempt_id": "{attempt_id}", "seq": 1, "state": "downloading", "model": "digits", "version": "1.0.0"},
        caller=DEVICE,
    ),
    post("/api/ingest", {"device_id": "edge-3", "records": [RECORD] * 3}, caller=DEVICE),
    # Models
    Call("/api/models"),
    post("/api/models", {"model": "letters"}, status=201),
    Call("/api/models/digits"),
    Call("/api/models/digits", method="patch", body={"description": "new"}),
    Call("/api/models/unused", method="delete", status=204),
    Call("/api/models/digits/versions"),
    post("/api/models/digits/versions", {"version": "4.0.0", "file": b"bytes"}, form=True, status=201),
    Call(VERSION),
    Call("/api/models/digits/compare?from=1.0.0&to=2.0.0"),
    Call(VERSION, method="patch", body={"tags": ["new"]}, headers={"HTTP_IF_MATCH": "*"}),
    Call(f"{VERSION}/source", status=302),
    Call(f"{VERSION}/cleaned", status=302),
    post("/api/models/digits/versions/5.0.0/retire", {"reason": "old"}),
    Call("/api/models/digits/versions/5.0.0", method="delete", status=204),
    post(
        f"{VERSION}/baseline",
        {"file": (json.dumps(RECORD | {"model_version": "2.0.0"}) + "\n").encode() * 200},
        form=True,
        status=201,
    ),
    post(f"{VERSION}/builds/{{build_id}}/cancel", status=202),
    post(f"{VERSION}/builds/{{build_id}}/retry", status=202),
    Call(f"{VERSION}/builds/{{build_id}}/log"),
    post(f"{VERSION}/variants", {"targets": ["rk3588"]}, status=202),
    post(f"{VERSION}/variants/generic-cpu/rebuild", status=202),
    Call(f"{VERSION}/variants/generic-cpu/download", status=302),
    Call(f"{VERSION}/variants/generic-cpu/manifest", status=302),
    Call(f"{VERSION}/variants/generic-cpu/signature", status=302),
    post(f"{VERSION}/variants/{{suspect}}/accept-calibration", {"reason": "ours"}),
    Call(f"{VERSION}/offers"),
    Call("/api/models/digits/versions/1.0.0/offers/generic-cpu"),
    Call("/api/models/digits/versions/3.0.0/offers/rk3588", method="put", body={"variant": "{variant_id}"}),
    Call("/api/models/digits/channels"),
    Call("/api/models/digits/channels/beta"),
    Call("/api/models/digits/channels/new", method="put", body={"version": "1.0.0"}),
    Call("/api/targets"),
    Call("/api/recipes"),
    Call("/api/signing-keys", caller=NOBODY),
    # The fleet
    Call("/api/enrollment-keys"),
    post("/api/enrollment-keys", {"name": "more"}, status=201),
    Call("/api/enrollment-keys/{key_id}", method="delete", status=204),
    Call("/api/devices"),
    Call("/api/devices/edge-1"),
    Call("/api/devices/edge-1", method="patch", body={"labels": {"site": "kyoto"}}),
    Call("/api/devices/edge-1", method="delete", status=204),
    post("/api/devices/waiting/accept"),
    post("/api/devices/edge-1/revoke"),
    post("/api/devices/edge-1/rotate-token", status=201),
    post("/api/devices/edge-1/pin", {"model": "digits", "version": "1.0.0"}),
    post("/api/devices/pinned/unpin", {"model": "digits"}),
    Call("/api/devices/edge-1/resolve?model=digits"),
    Call("/api/rollouts"),
    post("/api/rollouts", PLAN, status=201),
    post("/api/rollouts/preview", PLAN),
    Call("/api/rollouts/{running}"),
    post("/api/rollouts/{draft}/start"),
    post("/api/rollouts/{running}/pause"),
    post("/api/rollouts/{paused}/resume"),
    post("/api/rollouts/{running}/advance"),
    post("/api/rollouts/{running}/abort"),
    post("/api/rollouts/{running}/roll-back"),
    # What it means
    Call(f"/api/drift?{DRIFT}"),
    Call(f"/api/drift/series?{DRIFT}"),
    Call(f"/api/drift/devices?{DRIFT}"),
    Call("/api/alerts"),
    post("/api/alerts/{alert_id}/acknowledge"),
    post("/api/alerts/{alert_id}/resolve"),
    # Administration
    Call("/api/audit"),
    Call("/api/tokens"),
    post("/api/tokens", {"name": "ci", "role": "viewer"}, status=201),
    Call("/api/tokens/{token_id}", method="delete", status=204),
    Call("/metrics"),
    Call("/livez", caller=NOBODY),
    Call("/readyz", caller=NOBODY),
    # Pages
    page("/"),
    page("/devices/edge-1"),
    act("/devices/waiting/accept"),
    act("/devices/edge-1/revoke"),
    act("/devices/edge-1/pin", {"model": "digits", "version": "1.0.0"}),
    act("/devices/pinned/unpin", {"model": "digits"}),
    page("/enrollment-keys"),
    page("/enrollment-keys/new"),
    act("/enrollment-keys/{key_id}/revoke"),
    page("/rollouts"),
    page("/rollouts/new?model=digits"),
    page("/rollouts/{running}"),
    act("/rollouts/{running}/pause"),
    page("/models"),
    page("/models?q=dig&status=ready&target=generic-cpu"),
    page("/models/digits"),
    page("/models/digits/compare?from=1.0.0&to=2.0.0"),
    page("/upload"),
    page("/models/digits/upload"),
    act("/models/digits/upload", {"model": "digits", "version": "4.0.0", "file": b"bytes", "metadata": "{{}}"}),
    act("/models/digits/channels", {"channel": "beta", "version": "1.0.0"}),
    page("/models/digits/2.0.0"),
    page("/models/digits/2.0.0/progress"),
    act("/models/digits/2.0.0/targets", {"targets": ["rk3588"]}),
    act("/models/digits/2.0.0/all-methods"),
    page("/models/digits/2.0.0/builds/{build_id}"),
    act("/models/digits/2.0.0/builds/{build_id}/cancel"),
    act("/models/digits/2.0.0/builds/{build_id}/retry"),
    page("/models/digits/3.0.0/variants/{variant_id}/offer"),
    act("/models/digits/3.0.0/variants/{variant_id}/offer"),
    page("/models/digits/2.0.0/variants/{suspect}/accept"),
    act("/models/digits/2.0.0/variants/{suspect}/accept", {"reason": "ours"}),
    page(f"/drift?{DRIFT}"),
    act("/drift/baseline", {"model": "digits", "version": "1.0.0"}),
    page("/alerts"),
    page("/alerts/{alert_id}"),
    act("/alerts/{alert_id}/acknowledge"),
    act("/alerts/{alert_id}/resolve"),
    page("/admin/"),
]
# Served from a file, or by Django itself.
NOT_OURS = {"schema", "docs", "logout"}


@pytest.fixture
def world(settings: Any, tmp_path: Path) -> dict[str, Any]:
    """Several of everything: versions, devices on one site each, rollouts in three states, telemetry, alerts."""
    settings.ROLLUP_BUCKET = timedelta(hours=1)
    now = timezone.now()
    first, second, third = (fleet_rows.make_version(f"{number}.0.0") for number in (1, 2, 3))
    fleet_rows.make_version("5.0.0")
    fleet_rows.make_model("unused")
    for channel in ("stable", "beta", "paused"):
        fleet_rows.point(channel, first)
    devices = [
        fleet_rows.make_device(f"edge-{number}", state="active", labels={"site": f"site-{number}"})
        for number in (1, 2, 3)
    ]
    fleet_rows.make_device("waiting", state="pending")
    pinned = fleet_rows.make_device("pinned", state="active")
    telemetry_rows.add_version()
    telemetry_rows.add_baseline(telemetry_rows.records({0: 200, 1: 200}))
    for device in devices:
        telemetry_rows.add_telemetry(
            telemetry_rows.records({0: 50, 1: 60}, at=now), device_id=device.device_id, received_at=now
        )
    alerts = [
        Alert.objects.create(
            model="digits", version="1.0.0", scope_kind="label", scope_value=f"site:site-{number}", metric="class",
            state="firing", severity="high", last_evaluated_at=now, sentence="It drifts.", fired_at=now,
        )
        for number in (1, 2)
    ]  # fmt: skip
    second.targets = ["generic-cpu"]
    second.cleaned = second.source
    second.save()
    running = rollouts.start(fleet_rows.make_rollout(second, percents=(50, 100)).pk, actor=fleet_rows.OPERATOR)
    paused = rollouts.start(
        fleet_rows.make_rollout(second, channel="paused", percents=(100,)).pk, actor=fleet_rows.OPERATOR
    )
    rollouts.pause(paused.pk, actor=fleet_rows.OPERATOR)
    suspect = fleet_rows.make_variant(second, "rk3588")
    suspect.status = "suspect_calibration"
    suspect.save()
    draft = fleet_rows.make_rollout(third, channel="beta", percents=(100,))
    key, secret = fleet_rows.make_key(max_uses=10)
    fleet_rows.make_key(max_uses=10)
    return {
        "running": running.pk, "paused": paused.pk, "draft": draft.pk, "key_id": key.pk, "key_secret": secret,
        "build_id": Job.objects.create(version=second, kind="build", target="generic-cpu", preset="balanced").pk,
        "alert_id": alerts[0].pk, "device": devices[2], "pinned": pinned,
        "variant_id": third.variants.get().pk, "suspect": suspect.pk,
    }  # fmt: skip


@pytest.fixture
def callers(api: Any, client: Any, world: dict[str, Any]) -> dict[str, Any]:
    found = {API: api("admin"), NOBODY: api(), DEVICE: api(), PERSON: client}
    world["token_id"] = ApiToken.objects.latest("pk").pk
    device = fleet_rows.DeviceClient(found[DEVICE], world["device"])
    found[DEVICE].credentials(**device.headers)
    for poll in (device, fleet_rows.DeviceClient(api(), fleet_rows.Device.objects.get(device_id="edge-2"))):
        poll.poll()
    world["attempt_id"] = device.assignment["assignment"]["attempt_id"]
    operator = api("admin")
    operator.post("/api/devices/pinned/pin", {"model": "digits", "version": "1.0.0"}, format="json")
    client.force_login(User.objects.create_superuser("ann"))
    return found


def fill(value: Any, world: dict[str, Any]) -> Any:
    if isinstance(value, str) and "{" in value:
        return value.format(**world)
    if isinstance(value, dict):
        return {name: fill(inner, world) for name, inner in value.items()}
    if isinstance(value, bytes):
        return SimpleUploadedFile("part", value)
    return value


def send(call: Call, *, callers: dict[str, Any], world: dict[str, Any]) -> Any:
    method = getattr(callers[call.caller], call.method)
    path, body = fill(call.path, world), fill(call.body, world)
    if call.caller == PERSON:
        return method(path, body or {}) if call.method == "post" else method(path)
    if call.form:
        return method(path, body, format="multipart")
    return method(path, body, format="json", **call.headers) if call.method != "get" else method(path)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_it_takes_as_many_statements_as_are_pinned(call, callers, world):
    # Django keeps content types per process, so that the second test of one would take a statement less.
    ContentType.objects.clear_cache()
    with CaptureQueriesContext(connection) as captured:
        answer = send(call, callers=callers, world=world)
    assert answer.status_code == call.status, getattr(answer, "content", b"")[:500]
    statements = [row["sql"] for row in captured if not row["sql"].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK TO"))]
    if IS_WRITING:
        write(call.name, len(statements))
    assert json.loads(PINNED.read_text()).get(call.name) == len(statements), "\n".join(statements)


def write(name: str, number: int) -> None:
    """Put one number into the file, which keeps no row that is not asked for any more."""
    names = [call.name for call in CALLS]
    kept = json.loads(PINNED.read_text()) if PINNED.exists() else {}
    found = {key: value for key, value in {**kept, name: number}.items() if key in names}
    PINNED.write_text(json.dumps(dict(sorted(found.items(), key=lambda row: names.index(row[0]))), indent=2) + "\n")


def test_nothing_is_pinned_that_is_not_asked_for():
    assert set(json.loads(PINNED.read_text())) == {call.name for call in CALLS}


def list_patterns(resolver: Any) -> Iterator[URLPattern]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield pattern
        elif isinstance(pattern, URLResolver) and not pattern.namespace:
            yield from list_patterns(pattern)


def test_every_view_is_asked():
    world = dict.fromkeys(("running", "paused", "draft"), "00000000-0000-4000-8000-000000000000")
    world |= {"key_id": "1", "alert_id": "1", "token_id": "1", "build_id": "1", "variant_id": "1", "suspect": "1"}
    asked = {resolve(fill(call.path, world).split("?")[0]).url_name for call in CALLS}
    views = {(pattern.name, str(pattern.pattern)) for pattern in list_patterns(get_resolver())}
    assert {row for row in views if (row[0] or row[1]) not in asked | NOT_OURS | {"livez", "readyz"}} == set()


def test_every_operation_of_the_schema_is_asked():
    paths = json.loads(SCHEMA.read_text())["paths"]
    operations = sum(len({"get", "post", "put", "patch", "delete"} & set(item)) for item in paths.values())
    assert len([call for call in CALLS if call.path.startswith("/api/")]) == operations
