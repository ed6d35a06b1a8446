"""Rows for tests of the fleet: a model with READY versions, devices with tokens, and a device as its agent would act."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from core.actors import Actor
from fleet.devices import enrollment, enrollment_keys, subscriptions, tokens
from fleet.models import Device, EnrollmentKey, Rollout
from fleet.rollouts import members, plans, progress
from fleet.rollouts import verbs as rollouts
from fleet.rollouts.selectors import Selector
from fleet.rollouts.stages import Stage
from registry import channels
from registry.models import Blob, Channel, ModelVersion, RegisteredModel, Variant
from registry.states import VersionStatus

OPERATOR = Actor(kind="person", name="olga")
# An inference, as devices send it.
RECORD = {"timestamp": 1_790_000_000, "latency_ms": 2.0, "model_version": "1.0.0", "confidence": 0.9, "class_id": 3}


def make_model(slug: str = "digits") -> RegisteredModel:
    return RegisteredModel.objects.get_or_create(slug=slug)[0]


def make_version(number: str, *, slug: str = "digits", targets: tuple[str, ...] = ("generic-cpu",)) -> ModelVersion:
    version = ModelVersion.objects.create(
        model=make_model(slug),
        number=number,
        status=VersionStatus.READY,
        source=blob(f"{slug} {number}"),
        created_by="test",
    )
    for target in targets:
        make_variant(version, target)
    return version


def make_variant(version: ModelVersion, target: str, *, recipe: str = "fp32-optimized", rank: int = 0) -> Variant:
    text = f"{version} {target} {recipe}"
    return Variant.objects.create(
        version=version,
        target=target,
        recipe=recipe,
        rank=rank,
        status="ready",
        recipe_digest=hashlib.sha256(recipe.encode()).hexdigest(),
        format="onnx",
        filename="model.onnx",
        file=blob(text),
        manifest=blob(f"manifest {text}"),
        signature=blob(f"signature {text}"),
        manifest_schema_2=blob(f"manifest 2 {text}"),
        signature_schema_2=blob(f"signature 2 {text}"),
    )


def blob(text: str) -> Blob:
    return Blob.objects.get_or_create(sha256=hashlib.sha256(text.encode()).hexdigest(), defaults={"size": len(text)})[0]


def point(name: str, version: ModelVersion) -> Channel:
    """Put a channel where it should be, past the guards and preconditions that are not under test."""
    found = Channel.objects.filter(model=version.model, name=name).first()
    if found is None:
        return channels.put(version.model, name, version=version, actor=OPERATOR)
    return channels.move(found, version=version, actor=OPERATOR)


def make_device(
    device_id: str, *, model: str = "digits", channel: str = "stable", target: str = "generic-cpu", **fields: Any
) -> Device:
    with transaction.atomic():
        device = Device.objects.create(device_id=device_id, target=target, **fields)
        subscriptions.replace(device, [subscriptions.Follow(model=model, channel=channel)])
    return device


def make_key(**fields: Any) -> tuple[EnrollmentKey, str]:
    return enrollment_keys.create(enrollment_keys.NewKey(name="k", **fields), actor=OPERATOR)


def enroll(device_id: str, *, secret: str, target: str = "generic-cpu", **fields: Any) -> str | None:
    return enrollment.enroll(enrollment.Request(device_id=device_id, secret=secret, target=target, **fields))


def ask_to_enroll(client: Any, secret: str, device_id: str = "edge-1", **fields: Any) -> Any:
    """Return the server's answer to a device that enrolls."""
    body = {"device_id": device_id, "enrollment_key": secret, "target": "generic-cpu", **fields}
    return client.post("/api/devices/enroll", body, format="json")


def make_rollout(
    version: ModelVersion, *, channel: str = "stable", percents: tuple[float, ...] = (20, 100), **fields: Any
) -> Rollout:
    stage = fields.pop("stage", {})
    plan = plans.Plan(
        model=version.model.slug,
        channel=channel,
        version=version.number,
        stages=tuple(Stage(percent=percent, **stage) for percent in percents),
        selector=fields.pop("selector", Selector()),
        **fields,
    )
    return rollouts.create(plan, actor=OPERATOR)


def measure(rollout: Rollout, *, now: datetime) -> progress.RolloutProgress:
    return progress.measure(rollout, members=members.list_members_of(rollout), now=now)


def long_ago() -> Any:
    return timezone.now() - timedelta(days=3)


class DeviceClient:
    """A device as it talks to the server: it keeps its ETag, numbers its reports, and fetches nothing."""

    def __init__(self, client: Any, device: Device, token: str | None = None) -> None:
        self.client, self.device = client, device
        self.token = token or tokens.issue_token(device)
        self.etag, self.assignment, self.seq = None, None, 0

    @property
    def headers(self) -> dict[str, str]:
        return {"HTTP_AUTHORIZATION": f"Bearer {self.token}"}

    def poll(self, *, fresh: bool = False, **query: str) -> Any:
        headers = {**self.headers, **({"HTTP_IF_NONE_MATCH": self.etag} if self.etag and not fresh else {})}
        answer = self.client.get("/api/models/latest", {"device_id": self.device.device_id, **query}, **headers)
        if answer.status_code == 200:
            self.etag, self.assignment = answer["ETag"], answer.json()
        return answer

    def report(self, state: str, **fields: Any) -> Any:
        self.seq += 1
        detail = {"class": "crash"} if state in {"failed", "rolled_back"} else {}
        body = {
            "attempt_id": self.assignment["assignment"]["attempt_id"],
            "seq": self.seq,
            "state": state,
            "model": "digits",
            "version": self.assignment["version"],
            "detail": detail,
            **fields,
        }
        return self.client.post("/api/devices/self/reports", body, format="json", **self.headers)

    def update(self) -> str:
        """Poll, and take over what is assigned to the end; return the version."""
        self.poll()
        for state in ("downloading", "verified", "self_tested", "activated", "confirmed"):
            self.report(state)
        return str(self.assignment["version"])
