"""Read everything that decides what one device runs of one model, in one statement: an idle poll may cost one read.

Written as SQL, because the ORM needs more time to compile the same joins than PostgreSQL needs to answer them. Nothing here
is cached, so every act holds from the very next poll on, whichever process answers it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.db import connection

from fleet.devices import targets
from fleet.polls.resolving import ChannelFacts, DeviceFacts, Facts, PinFacts, RolloutFacts
from fleet.rollouts.selectors import Selector
from fleet.states import OFFERING_ROLLOUT_STATES, UPDATED_DEPLOYMENT_STATES, DeviceState, RolloutState
from fleet.variant_choice import ManifestFacts, OfferFacts, VariantFacts, VersionFacts, read_abilities
from registry.states import VariantStatus, VersionStatus

# Where the row of the device comes from. A poll finds it by its token; an operator by its id, in any state and without token.
_BEARER: Final = """
    fleet_devicetoken t JOIN fleet_device d ON d.id = t.device_id
        AND t.digest = %(digest)s AND t.revoked_at IS NULL AND d.state = %(active)s
"""
_DEVICE: Final = """
    (SELECT * FROM fleet_device WHERE device_id = %(device_id)s) d LEFT JOIN fleet_devicetoken t ON false
"""
# ``has_updated`` keeps a device of a paused rollout on the version that it runs by an attempt under this rollout.
_ROLLOUTS: Final = """
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', r.id, 'state', r.state, 'version', r.version_id, 'salt', r.salt, 'bucket_limit', r.bucket_limit,
        'percent', r.stages -> r.stage_index::int -> 'percent', 'release_counter', r.release_counter,
        'selector', r.selector, 'policy', r.policy,
        'has_updated', EXISTS (SELECT FROM fleet_deployment x
            WHERE x.device_id = d.id AND x.rollout_id = r.id AND x.state = ANY(%(updated)s)))), '[]')
    FROM fleet_rollout r WHERE r.channel_id = c.id AND r.state = ANY(%(offering)s)
"""
# Every attempt is read, READY or not: a person who asks why a variant is not taken gets the reason. A reason may be the whole
# output of a build, so it is cut. A variant without a file has no digest and no size; empty values keep the facts plain.
# ``orders`` is the JSON object {target: [target, fall-back, ...]}: it keeps the variants of foreign targets out of the answer.
_VARIANTS: Final = """
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', a.id, 'target', a.target, 'recipe', a.recipe, 'rank', a.rank, 'status', a.status,
        'reason', left(a.reason, 300), 'sha256', coalesce(a.file_id, ''), 'size', coalesce(f.size, 0),
        'filename', a.filename, 'format', a.format, 'manifests', jsonb_build_array(
            jsonb_build_array(1, a.manifest_id, a.signature_id),
            jsonb_build_array(2, a.manifest_schema_2_id, a.signature_schema_2_id)))), '[]')
    FROM registry_variant a LEFT JOIN registry_blob f ON f.sha256 = a.file_id
    WHERE a.version_id = v.id
        AND a.target IN (SELECT jsonb_array_elements_text(%(orders)s::jsonb -> d.target))
"""
# Pin, channel and rollouts may point to the same version, so versions are read once each and looked up by id. UNION drops
# what is named twice; a NULL (no pin, no channel) matches no version.
_VERSIONS: Final = """
    SELECT coalesce(jsonb_object_agg(v.id, jsonb_build_object(
        'number', v.number, 'status', v.status, 'is_quarantined', v.quarantined_at IS NOT NULL,
        'baseline_sha256', (SELECT b.blob_id FROM registry_baseline b
            WHERE b.version_id = v.id ORDER BY b.created_at DESC LIMIT 1),
        'offer', (SELECT jsonb_build_array(o.variant_ids, o.release_counter) FROM registry_offer o
            WHERE o.version_id = v.id AND o.target = d.target),
        'variants', ({variants}))), '{}')
    FROM registry_modelversion v WHERE v.id IN (
        SELECT c.version_id UNION SELECT p.version_id
        UNION SELECT r.version_id FROM fleet_rollout r WHERE r.channel_id = c.id AND r.state = ANY(%(offering)s))
"""
# The answer is one JSON document: rows of several tables in one column, with one round trip. The lateral join takes the
# subscription to the model that is asked for, else the primary one. All joins after it are outer ones: a device without a
# subscription, or with one to a model or channel that does not exist yet, still has to be told so.
_STATEMENT: Final = """
SELECT jsonb_build_object(
    'token_id', t.id, 'is_first_use', t.first_used_at IS NULL,
    'device_pk', d.id, 'device_id', d.device_id, 'target', d.target, 'labels', d.labels,
    'engines', d.capabilities -> 'engines', 'manifest_schemas', d.capabilities -> 'manifest_schemas',
    'model', s.model_slug, 'channel_name', s.channel_name, 'subscription_counter', s.release_counter, 'model_pk', m.id,
    'channel', CASE WHEN c.id IS NOT NULL THEN
        jsonb_build_object('version', c.version_id, 'release_counter', c.release_counter, 'policy', c.policy) END,
    'pin', CASE WHEN p.id IS NOT NULL THEN
        jsonb_build_object('version', p.version_id, 'release_counter', p.release_counter) END,
    'rollouts', ({rollouts}),
    'versions', ({versions})
)
FROM {source}
LEFT JOIN LATERAL (
    SELECT * FROM fleet_subscription s WHERE s.device_id = d.id AND (%(model)s::text IS NULL OR s.model_slug = %(model)s)
    ORDER BY s.position, s.id LIMIT 1) s ON true
LEFT JOIN registry_registeredmodel m ON m.slug = s.model_slug
LEFT JOIN registry_channel c ON c.model_id = m.id AND c.name = s.channel_name
LEFT JOIN fleet_pin p ON p.device_id = d.id AND p.model_id = m.id
"""
_STATES: Final[Mapping[str, str | list[str]]] = {
    "active": DeviceState.ACTIVE.value,
    "offering": [state.value for state in OFFERING_ROLLOUT_STATES],
    "updated": [state.value for state in UPDATED_DEPLOYMENT_STATES],
}


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of one read. ``facts`` is None if the device has no subscription, or none to the model that is asked for."""

    device_pk: int
    device_id: str
    target: str
    token_id: int | None
    is_first_use: bool
    model_pk: int | None
    facts: Facts | None


def find_by_token(digest: str, *, model: str | None) -> Reading | None:
    """Read for the device that a live token belongs to; None if the token is unknown or revoked.

    ``model`` None means the device's primary subscription.
    """
    return _read(_BEARER, {"digest": digest, "model": model})


def find_by_device(device_id: str, *, model: str | None) -> Reading | None:
    """Read for a device by its id, in any state; None if no device has the id."""
    return _read(_DEVICE, {"device_id": device_id, "model": model})


@cache
def _orders_as_json() -> str:
    return json.dumps(targets.orders())


@cache
def _compose(source: str) -> str:
    # Every part is one of the constants above; every value is a parameter.
    statement = _STATEMENT.replace("{rollouts}", _ROLLOUTS).replace("{versions}", _VERSIONS)
    return statement.replace("{variants}", _VARIANTS).replace("{source}", source)


def _read(source: str, asked: dict[str, str | None]) -> Reading | None:
    parameters: dict[str, str | list[str] | None] = {**asked, **_STATES, "orders": _orders_as_json()}
    with connection.cursor() as cursor:
        cursor.execute(_compose(source), parameters)
        row = cursor.fetchone()
    return _build(json.loads(row[0])) if row else None


# The JSON below is that of the statement above, so its keys are known and its values are not checked again.
def _build(found: dict[str, Any]) -> Reading:
    return Reading(
        device_pk=found["device_pk"],
        device_id=found["device_id"],
        target=found["target"],
        token_id=found["token_id"],
        is_first_use=found["is_first_use"],
        model_pk=found["model_pk"],
        facts=_build_facts(found) if found["model"] is not None else None,
    )


def _build_facts(found: dict[str, Any]) -> Facts:
    versions = {int(key): _build_version(int(key), body) for key, body in found["versions"].items()}
    channel, pin, name = found["channel"], found["pin"], found["channel_name"]
    return Facts(
        device=DeviceFacts(
            found["device_id"],
            targets.order_of(found["target"]),
            found["labels"],
            read_abilities(found["engines"], found["manifest_schemas"]),
        ),
        model=found["model"],
        channel_name=name,
        subscription_counter=found["subscription_counter"],
        channel=channel
        and ChannelFacts(name, versions[channel["version"]], channel["release_counter"], channel["policy"]),
        pin=pin and PinFacts(versions[pin["version"]], pin["release_counter"]),
        rollouts=tuple(_build_rollout(body, versions=versions) for body in found["rollouts"]),
    )


def _build_version(version_id: int, body: dict[str, Any]) -> VersionFacts:
    variants = tuple(
        VariantFacts(
            **{
                **variant,
                "status": VariantStatus(variant["status"]),
                "manifests": _build_manifests(variant["manifests"]),
            }
        )
        for variant in body["variants"]
    )
    offer = body["offer"] and OfferFacts(tuple(body["offer"][0]), body["offer"][1])
    changed = {"status": VersionStatus(body["status"]), "variants": variants, "offer": offer}
    return VersionFacts(id=version_id, **{**body, **changed})


def _build_manifests(found: Iterable[tuple[int, str | None, str | None]]) -> tuple[ManifestFacts, ...]:
    # Of each schema its number, the manifest and the signature; null where the variant has none.
    return tuple(
        ManifestFacts(schema, manifest, signature) for schema, manifest, signature in found if manifest and signature
    )


def _build_rollout(body: dict[str, Any], *, versions: Mapping[int, VersionFacts]) -> RolloutFacts:
    changed = {
        "version": versions[body["version"]],
        "state": RolloutState(body["state"]),
        "selector": Selector.read(body["selector"]),
    }
    return RolloutFacts(**{**body, **changed})
