"""What an uploader may say about a model beside its bytes: labels, pre-processing, and notes of their own. Pure."""

from typing import Any, ClassVar

import msgspec

from core.errors import Invalid
from registry.manifests import InvalidManifest, canonical_json

MAX_BYTES = 1024 * 1024


class InvalidMetadata(Invalid):
    """The metadata is no JSON object of the form that manifests carry."""

    code: ClassVar[str] = "invalid_metadata"


class _Known(msgspec.Struct):
    labels: list[str] = []
    preprocessing: dict[str, Any] = {}


def check(metadata: object) -> dict[str, Any]:
    """Return the metadata unchanged; ``labels`` and ``preprocessing`` go into manifests, other keys are kept only.

    Raises:
        InvalidMetadata: Not an object, a known key of the wrong type, too large, or not storable.
    """
    if not isinstance(metadata, dict):
        raise InvalidMetadata.field("metadata", "must be a JSON object.")
    try:
        msgspec.convert(metadata, _Known)
        size = len(canonical_json(metadata))
    except (msgspec.ValidationError, InvalidManifest) as error:
        raise InvalidMetadata.field("metadata", str(error)) from error
    if size > MAX_BYTES:
        raise InvalidMetadata.field("metadata", f"has {size} bytes as JSON; the limit is {MAX_BYTES}.")
    if _has_nul(metadata):
        raise InvalidMetadata.field("metadata", "must not contain the character U+0000.")
    return metadata


def _has_nul(value: object) -> bool:
    # PostgreSQL's text and jsonb cannot hold it.
    if isinstance(value, dict):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value
