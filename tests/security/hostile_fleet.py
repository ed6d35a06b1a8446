"""A fleet whose names, labels and reports are words of the template language and HTML, made through the API."""

import json
from typing import Any

from django.db.models import JSONField, Value
from django.utils import timezone

from analytics.models import Alert
from fleet.models import Deployment, Device, EnrollmentKey
from ingest.roll_ups import verbs as roll_ups
from tests import fleet_rows

# What a template's dot finds on a mapping or a list, and what it would find as a key first.
WORDS = ("items", "keys", "values", "get", "copy", "pop", "count", "index", "update", "0", "all", "id", "model")
HTML = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</textarea></title></script><script>alert(1)</script>",
    "{{ 7|add:7 }}{% debug %}",
    "javascript:alert(1)",
    "",
)
LONG = "W" * 128
LABELS = dict(zip([*WORDS, "a/b", "x" * 63], [*HTML * 3], strict=False)) | {"long": LONG, "empty": ""}
ANY_JSON: list[Any] = [
    *HTML, LONG, "0", 0, -1, 2**62, 2.5e300, True, None, [], {}, [[["items"]]], {"items": {"items": {"items": "items"}}},
    ["items", {"values": None}], {"": "", "0": 0, "<script>alert(1)</script>": "<script>alert(1)</script>"},
]  # fmt: skip
DOCUMENT: dict[str, Any] = {
    **dict(zip(WORDS, ANY_JSON, strict=False)),
    **{f"{word}_bytes": value for word, value in zip(WORDS * 2, ANY_JSON, strict=False)},
    **{f"{word}_ratio": value for word, value in zip(WORDS * 2, ANY_JSON, strict=False)},
    **dict(zip(HTML, ANY_JSON, strict=False)),
    "x" * 2_000: "y" * 20_000,
}  # fmt: skip
DEVICES = ("items", "keys", "values", "get", "0", "L" * 128)
# Telemetry names a version with any text. A slash cannot be a part of the address of a version's page.
VERSIONS = ("items", "../a/b", ".", "1.0.0", *(text or " " for text in HTML[:4]))
NAMES = ("items", "keys", "0")
NOT_WHAT_IT_SHOULD_BE: list[Any] = [
    "items",
    "",
    0,
    1.5,
    True,
    None,
    [],
    ["items"],
    [["items"]],
    [None],
    [1],
    [{}],
    {},
    {"items": {}},
]
NOT_TEXTS: dict[str, Any] = {"items": {"items": 1}, "keys": ["x"], "values": None, "get": 0, "": True}


def make(api: Any) -> None:
    """Make models, keys, devices, rollouts, telemetry and alerts, all with hostile names."""
    operator = api("admin")
    versions = {slug: [fleet_rows.make_version(f"{number}.0.0", slug=slug) for number in (1, 2, 3)] for slug in NAMES}
    for first, _, _ in versions.values():
        first.model.description = HTML[0]
        first.model.save()
        for channel in ("stable", "keys"):
            fleet_rows.point(channel, first)
    follows = [
        {"model": slug, "channel": channel} for slug, channel in zip(NAMES, ("stable", "keys") * 3, strict=False)
    ]
    secret = _post(operator, "/api/enrollment-keys", name=HTML[0], labels=LABELS, subscriptions=follows, max_uses=100)
    for number, device_id in enumerate(DEVICES):
        _add_device(api, device_id, secret=secret["key"], number=number)
    while roll_ups.roll_up_chunk():
        pass
    for slug, (_, second, third) in versions.items():
        for version, channel in ((second, "stable"), (third, "keys")):
            _add_rollout(operator, slug, version=version.number, channel=channel)
    for device_id in DEVICES[:2]:
        client = fleet_rows.DeviceClient(api(), Device.objects.get(device_id=device_id))
        client.poll(fresh=True)
        detail = {"class": HTML[0][:60], "message": HTML[1], **DOCUMENT}
        answer = client.report("failed", detail=detail, active_providers=[*HTML[:5], *WORDS])
        assert answer.status_code == 200, answer.content
    fleet_rows.make_device("waits", state="pending", labels=LABELS)
    _add_alerts()


def _add_device(api: Any, device_id: str, *, secret: str, number: int) -> None:
    body = {
        "device_id": device_id,
        "enrollment_key": secret,
        "target": "generic-cpu",
        "labels": {} if number % 2 else LABELS,
        "capabilities": DOCUMENT,
    }
    token = _post(api(), "/api/devices/enroll", **body)["token"]
    client = api()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    running = [
        {"model": name or "-", "version": text or "-", "sha256": (text or "-")[:64]} for name in NAMES for text in HTML
    ]
    client.get("/api/models/latest", {"device_id": device_id})
    state = {"agent_version": HTML[0], "running": running, "resources": DOCUMENT, "capabilities": DOCUMENT}
    _post(client, "/api/devices/self/heartbeat", status=200, clock=1e300, **state)
    records = [
        {
            "timestamp": timezone.now().timestamp(), "latency_ms": 1e12, "confidence": 1, "class_id": place, "model_id": model,
            "model_version": version, "request_hash": HTML[0], "provider": HTML[0], "resources": DOCUMENT,
            "features": dict.fromkeys((*WORDS, *HTML), 1e308),
        }
        for model in (NAMES[0], HTML[0], "")
        for version in VERSIONS
        for place in (0, -(2**63))
    ]  # fmt: skip
    if number < 2:
        _post(client, "/api/ingest", status=200, device_id=device_id, records=records)


def _add_rollout(operator: Any, model: str, *, version: str, channel: str) -> None:
    selector = {
        "labels": {key: LABELS[key] for key in ("items", "keys")} if channel == "keys" else {},
        "devices": list(DEVICES),
    }
    plan = {
        "model": model,
        "version": version,
        "channel": channel,
        "selector": selector,
        "stages": [{"percent": 50}, {"percent": 100}],
    }
    drafted = _post(operator, "/api/rollouts", **plan)
    _post(operator, f"/api/rollouts/{drafted['id']}/start", status=200, reason=HTML[0])


def _add_alerts() -> None:
    now = timezone.now()
    for place, (key, value) in enumerate(LABELS.items()):
        Alert.objects.create(
            model=NAMES[place % len(NAMES)], version="1.0.0", scope_kind="label", scope_value=f"{key}={value}", metric="class",
            state="firing", severity="high", last_evaluated_at=now, fired_at=now, sentence=HTML[place % len(HTML)],
            acknowledged_by=f"person:{HTML[0]}", acknowledged_at=now,
        )  # fmt: skip


def spoil_rows() -> None:
    """Write into every column of JSON that devices fill what it should not hold, as an older release might have."""
    for number, value in enumerate(NOT_WHAT_IT_SHOULD_BE):
        device = fleet_rows.make_device(
            f"spoiled-{number}", state="active", model=NAMES[0], last_seen_at=timezone.now()
        )
        _write(Device, device.pk, labels=NOT_TEXTS, capabilities=value, resources=value, running=value)
        key, _ = fleet_rows.make_key()
        _write(EnrollmentKey, key.pk, labels=NOT_TEXTS, subscriptions=value)
    for value, deployment in zip(NOT_WHAT_IT_SHOULD_BE * 9, Deployment.objects.all(), strict=False):
        _write(Deployment, deployment.pk, failure_class="items", detail=value, active_providers=value)


def _write(model: Any, pk: Any, **fields: Any) -> None:
    model.objects.filter(pk=pk).update(**{name: Value(value, JSONField()) for name, value in fields.items()})


def _post(client: Any, path: str, *, status: int = 201, **body: Any) -> Any:
    answer = client.post(path, json.dumps(body), content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()
