"""The answer to ``GET /api/models/latest``: the version that one device should run now.

1. One read finds the device by its token, with everything that the decision needs.
2. A pure function decides.
3. The decision's digest is the ETag. If the device has it already, the answer is 304, and no row is written.
4. Otherwise the attempt is found or written, and the links are signed.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings

from fleet import deployments
from fleet.devices import last_seen, tokens
from fleet.devices.tokens import Credentials
from fleet.polls import reading, resolving
from fleet.polls.reading import Reading
from fleet.polls.resolving import Assigned, NotAssigned, Policy
from registry.baselines.verbs import FILENAME as BASELINE_NAME
from registry.models import RegisteredModel
from registry.names import MANIFEST_NAME, SIGNATURE_NAME
from registry.storage.configured_store import blob_store
from registry.versions.queries import UnknownModel

_JITTER: Final = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """A poll: the credentials, the device and model that are asked for, and the ETags of decisions that the device has."""

    credentials: Credentials
    device_id: str
    model: str | None
    known_etags: frozenset[str] = frozenset()
    site_url: str = ""


@dataclass(frozen=True, slots=True)
class Links:
    """Signed addresses: they need no credentials until they expire."""

    download_url: str
    manifest_url: str
    signature_url: str
    baseline_url: str | None


@dataclass(frozen=True, slots=True)
class Latest:
    """A decision that is new to the device, with everything that the device needs to follow it."""

    model: str
    decision: Assigned
    attempt_id: uuid.UUID
    links: Links
    policy: Policy
    expires_at: datetime
    poll_after_seconds: int
    # Until assignments are signed.
    dsse: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a poll.

    ``latest`` with its ``etag`` for a decision that is new to the device; ``etag`` alone for a decision that it has; only a
    ``reason`` if nothing is assigned to the device.
    """

    poll_after_seconds: int
    etag: str | None = None
    latest: Latest | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Term:
    """Half of an assignment's life. With each term a new ETag begins, so that no device keeps an assignment to its end."""

    number: int
    expires_at: datetime = field(compare=False)


def answer(asked: Asked, *, now: datetime) -> Answer:
    """Decide which version the device should run, and offer it if that is new to the device.

    Raises:
        UnknownDeviceToken: The token is unknown or revoked, or belongs to another device than the one named beside it.
        OtherDevice: The device asks about another device.
        UnknownModel: No model has the given name.
    """
    known = _identify(asked, now=now)
    poll_after = choose_poll_after(known.device_id)
    if known.facts is None:
        return Answer(poll_after, reason=_explain_no_subscription(asked.model))
    decision = resolving.resolve(known.facts)
    # Without a row of the model no channel and no pin can point to a version of it.
    if isinstance(decision, NotAssigned) or known.model_pk is None:
        return Answer(poll_after, reason=decision.reason)
    term, policy = _choose_term(known.device_id, now=now), _policy_of(decision)
    etag = _digest(decision, policy=policy, term=term)
    if etag in asked.known_etags or "*" in asked.known_etags:
        return Answer(poll_after, etag=etag)
    attempt = deployments.offer(offer_of(decision), device_pk=known.device_pk, model_pk=known.model_pk, now=now)
    latest = Latest(
        model=known.facts.model,
        decision=decision,
        attempt_id=attempt.pk,
        links=_sign_links(decision, site_url=asked.site_url),
        policy=policy,
        expires_at=term.expires_at,
        poll_after_seconds=poll_after,
    )
    return Answer(poll_after, etag=etag, latest=latest)


def choose_poll_after(device_id: str) -> int:
    """Return when the device should poll next: POLL_AFTER_SECONDS give or take a tenth, the same for one device each time."""
    share = _share_of(device_id)
    return max(1, round(settings.POLL_AFTER_SECONDS * (1 - _JITTER + 2 * _JITTER * share)))


def offer_of(decision: Assigned) -> deployments.Offer:
    """Return the offer that a decision makes to its device."""
    return deployments.Offer(
        version_id=decision.version.id,
        variant_id=decision.variant.id,
        sha256=decision.variant.sha256,
        release_counter=decision.release_counter,
        rollout_id=decision.rollout_id,
    )


def _identify(asked: Asked, *, now: datetime) -> Reading:
    known = reading.find_by_token(asked.credentials.digest, model=asked.model)
    if known is None or known.token_id is None:
        raise tokens.refusal()
    tokens.check_named(asked.credentials, device_id=known.device_id)
    tokens.check_own(known.device_id, asked=asked.device_id)
    last_seen.note(known.device_pk, at=now)
    if known.is_first_use:
        tokens.note_first_use(known.token_id)
    return known


def _share_of(device_id: str) -> float:
    return int.from_bytes(hashlib.sha256(device_id.encode()).digest()[:8], "big") / 2**64


def _choose_term(device_id: str, *, now: datetime) -> _Term:
    # Devices change terms at different times, so that not all of a fleet fetches new answers at once.
    half = max(1.0, settings.ASSIGNMENT_SECONDS / 2)
    offset = _share_of(device_id) * half
    number = int((now.timestamp() + offset) // half)
    begins_at = datetime.fromtimestamp(number * half - offset, tz=UTC)
    return _Term(number=number, expires_at=begins_at + timedelta(seconds=2 * half))


def _policy_of(decision: Assigned) -> Policy:
    defaults: Policy = {
        "activate": "immediate",
        "probation_s": settings.PROBATION_SECONDS,
        "probation_inferences": settings.PROBATION_INFERENCES,
    }
    return {**defaults, **decision.policy}


def _digest(decision: Assigned, *, policy: Policy, term: _Term) -> str:
    version, variant = decision.version, decision.variant
    bears = [
        [version.id, version.baseline_sha256],
        [variant.id, variant.sha256, decision.manifest.sha256],
        [decision.rollout_id, decision.release_counter, term.number],
        dict(policy),
    ]
    return hashlib.sha256(json.dumps(bears, sort_keys=True).encode()).hexdigest()[:32]


def _sign_links(decision: Assigned, *, site_url: str) -> Links:
    store, life = blob_store(site_url or None), settings.DOWNLOAD_URL_SECONDS
    variant, baseline = decision.variant, decision.version.baseline_sha256

    def link(sha256: str, filename: str) -> str:
        return store.url(sha256, filename=filename, expires_seconds=life)

    return Links(
        download_url=link(variant.sha256, variant.filename),
        manifest_url=link(decision.manifest.sha256, MANIFEST_NAME),
        signature_url=link(decision.manifest.signature_sha256, SIGNATURE_NAME),
        baseline_url=link(baseline, BASELINE_NAME) if baseline else None,
    )


def _explain_no_subscription(model: str | None) -> str:
    if model is None:
        return "the device has no subscription"
    if not RegisteredModel.objects.filter(slug=model).exists():
        raise UnknownModel(f"There is no model {model[:80]!r}.")
    return f"the device has no subscription to {model}"
