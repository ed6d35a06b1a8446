"""What the operator API answers, as JSON."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from core.durations import format_duration
from core.times import rfc3339
from fleet.models import Deployment, Device, EnrollmentKey, Rollout
from fleet.polls.resolving import Assigned, Decision
from fleet.rollouts import operator_verbs
from fleet.rollouts.plans import Preview
from fleet.rollouts.progress import RolloutProgress
from fleet.states import RolloutState


def render_key(key: EnrollmentKey) -> dict[str, Any]:
    """Return an enrollment key; never its secret."""
    return {
        "id": key.pk,
        "name": key.name,
        "mode": key.mode,
        "max_uses": key.max_uses,
        "uses": key.uses,
        "expires_at": rfc3339(key.expires_at),
        "target": key.target or None,
        "labels": key.labels,
        "subscriptions": key.subscriptions,
        "created_at": rfc3339(key.created_at),
        "created_by": key.created_by,
        "revoked_at": rfc3339(key.revoked_at),
    }


def render_device(device: Device) -> dict[str, Any]:
    """Return a device that ``queries.with_status`` has read."""
    newest: list[Deployment] = getattr(device, "newest_deployments", [])
    return {
        "device_id": device.device_id,
        "target": device.target,
        "state": device.state,
        "labels": device.labels,
        "subscriptions": [{"model": row.model_slug, "channel": row.channel_name} for row in device.subscriptions.all()],
        "pins": [{"model": pin.model.slug, "version": pin.version.number} for pin in device.pins.all()],
        "agent_version": device.agent_version,
        "running": device.running,
        "deployments": [render_deployment(row) for row in newest],
        "capabilities": device.capabilities,
        "resources": device.resources,
        "clock_offset_s": device.clock_offset_seconds,
        "enrolled_at": rfc3339(device.enrolled_at),
        "last_seen_at": rfc3339(device.last_seen_at),
    }


def render_deployment(attempt: Deployment) -> dict[str, Any]:
    """Return a device's attempt."""
    return {
        "attempt_id": str(attempt.pk),
        "model": attempt.model.slug,
        "version": attempt.version.number,
        "state": attempt.state,
        "failure_class": attempt.failure_class or None,
        "detail": attempt.detail,
        "active_providers": attempt.active_providers,
        "rollout_id": str(attempt.rollout_id) if attempt.rollout_id else None,
        "release_counter": attempt.release_counter,
        "offered_at": rfc3339(attempt.offered_at),
        "updated_at": rfc3339(attempt.updated_at),
    }


def render_decision(decision: Decision, *, device_id: str, model: str) -> dict[str, Any]:
    """Return what a device should run, with every candidate and why it was not taken."""
    assigned = decision if isinstance(decision, Assigned) else None
    return {
        "device_id": device_id,
        "model": model,
        "version": assigned.version.number if assigned else None,
        "target": assigned.variant.target if assigned else None,
        "recipe": assigned.variant.recipe if assigned else None,
        "sha256": assigned.variant.sha256 if assigned else None,
        "rollout_id": assigned.rollout_id if assigned else None,
        "reason": decision.reason,
        "release_counter": decision.release_counter,
        "candidates": [
            {
                "kind": candidate.kind,
                "name": candidate.name,
                "version": candidate.version,
                "taken": candidate.is_taken,
                "reason": candidate.reason,
            }
            for candidate in decision.candidates
        ],
    }


def render_rollout(rollout: Rollout) -> dict[str, Any]:
    """Return a rollout, with the verbs that apply to it now."""
    return {
        "id": str(rollout.pk),
        "model": rollout.channel.model.slug,
        "channel": rollout.channel.name,
        "version": rollout.version.number,
        "previous_version": rollout.previous_version.number,
        "state": rollout.state,
        "reason": rollout.reason,
        "salt": rollout.salt,
        "selector": rollout.selector,
        "stages": [_render_stage(stage) for stage in rollout.stages],
        "stage_index": rollout.stage_index,
        "policy": rollout.policy,
        "release_counter": rollout.release_counter,
        "verbs": [row.verb.slug for row in operator_verbs.list_applicable(RolloutState(rollout.state))],
        "created_at": rfc3339(rollout.created_at),
        "created_by": rollout.created_by,
        "started_at": rfc3339(rollout.started_at),
        "stage_started_at": rfc3339(rollout.stage_started_at),
        "ended_at": rfc3339(rollout.ended_at),
    }


def render_progress(rollout: Rollout, progress: RolloutProgress) -> dict[str, Any]:
    """Return a rollout with how it stands and what happened to it."""
    body = asdict(progress)
    del body["step"]
    body["time_left_s"] = body.pop("time_left_seconds")
    for stage in body["stages"]:
        del stage["moving"]  # for the page's bar; programs have what it is made of
        stage["min_duration"] = format_duration(timedelta(seconds=stage.pop("min_duration_seconds")))
    events = [
        {"at": rfc3339(row.at), "actor": row.actor, "event": row.event.replace("_", "-"), "sentence": row.sentence}
        for row in rollout.events.all()
    ]
    return {**render_rollout(rollout), "progress": body, "events": events}


def render_preview(preview: Preview) -> dict[str, Any]:
    """Return who, how many, how many bytes."""
    return asdict(preview)


def _render_stage(stored: dict[str, Any]) -> dict[str, Any]:
    duration = timedelta(seconds=stored["min_duration_seconds"])
    return {
        "percent": stored["percent"],
        "min_duration": format_duration(duration),
        "min_confirmed": stored["min_confirmed"],
        "min_devices": stored["min_devices"],
    }
