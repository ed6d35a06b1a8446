"""The card of a version: what people write about it. It may change in every state, and no manifest carries it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from django.db import transaction

from core import audit
from core.actors import Actor
from core.errors import DomainError, Kind
from registry.models import ModelVersion
from registry.versions import card_rules, queries
from registry.versions.card_rules import Card


class CardChanged(DomainError):
    """Another caller changed the card first: its entity tag is not the one in ``If-Match``."""

    code: ClassVar[str] = "card_changed"
    kind: ClassVar[Kind] = Kind.PRECONDITION_FAILED


class CardIfMatchRequired(DomainError):
    """A card changes only for a caller that names the state it saw."""

    code: ClassVar[str] = "if_match_required"
    kind: ClassVar[Kind] = Kind.PRECONDITION_REQUIRED


def etag(version: ModelVersion) -> str:
    """Return the entity tag of the version's card (RFC 9110, section 8.8.3). Builds do not change the tag."""
    text = json.dumps(asdict(_read(version)), sort_keys=True)
    return f'"{hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]}"'


@transaction.atomic
def describe(version: ModelVersion, *, changes: Mapping[str, Any], if_match: str | None, actor: Actor) -> ModelVersion:
    """Change the named parts of the card, and leave all others. The same content again writes nothing.

    Raises:
        CardIfMatchRequired: The caller names no state.
        CardChanged: The card has another state than the caller saw.
        InvalidCard: A part breaks a rule.
    """
    locked = ModelVersion.objects.select_for_update(of=("self",)).select_related("model").filter(pk=version.pk).first()
    if locked is None:
        return queries.get_version(version.model.slug, version.number)
    _check_precondition(locked, if_match=if_match)
    before = asdict(_read(locked))
    after = asdict(card_rules.check({**before, **changes}))
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        ModelVersion.objects.filter(pk=locked.pk).update(**{name: after[name] for name in changed})
        audit.record(
            actor,
            action="describe",
            object_type="version",
            object_id=locked,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
        )
    return locked


def _read(version: ModelVersion) -> Card:
    return Card(version.description, version.tags, version.links, version.metrics)


def _check_precondition(version: ModelVersion, *, if_match: str | None) -> None:
    now = etag(version)
    if if_match is None:
        raise CardIfMatchRequired("Send If-Match with the ETag that GET gave you.", etag=now)
    if not {"*", now} & {tag.strip() for tag in if_match.split(",")}:
        raise CardChanged(f"The card of {version} was changed after you read it.", etag=now)
