"""Manifests as bytes, of either schema: what a device needs to know before it loads the file."""

from typing import Final

import msgspec

from core.formats.json_depth import TOO_DEEP, is_too_deep
from registry.manifests import parts, schema_1, schema_2
from registry.manifests.parts import InvalidManifest

Manifest = schema_1.Manifest | schema_2.Manifest

_TYPES: Final = {schema_1.SCHEMA: schema_1.Manifest, schema_2.SCHEMA: schema_2.Manifest}


class _Head(msgspec.Struct):
    """The field that says how to read the others."""

    schema: str


def build(manifest: Manifest) -> object:
    """Return the manifest as plain JSON values, checked.

    Raises:
        InvalidManifest: A value has the wrong type, breaks a rule, or contradicts another one.
    """
    values = msgspec.to_builtins(manifest)
    try:
        # Values set in code are not checked by their constructors; converting back checks them and turns 1 into 1.0.
        checked = msgspec.convert(values, type(manifest))
    except msgspec.ValidationError as error:
        raise InvalidManifest(str(error)) from error
    _check(checked)
    return msgspec.to_builtins(checked)


def to_bytes(manifest: Manifest) -> bytes:
    """Return the canonical JSON bytes of the manifest.

    Raises:
        InvalidManifest: As `build`, or a number is not finite.
    """
    return parts.canonical_json(build(manifest))


def parse(data: bytes) -> Manifest:
    """Read a manifest that a server of this version wrote, and check every rule.

    Raises:
        InvalidManifest: Not JSON, of another schema, an unknown or missing field, a wrong type, or a broken rule.
    """
    if is_too_deep(data):
        raise InvalidManifest(TOO_DEEP)
    try:
        schema = msgspec.json.decode(data, type=_Head).schema
        if schema not in _TYPES:
            raise InvalidManifest(f"The schema is {schema[:80]!r}; there are {' and '.join(_TYPES)}.")
        manifest: Manifest = msgspec.json.decode(data, type=_TYPES[schema])
    except msgspec.DecodeError as error:
        raise InvalidManifest(str(error)) from error
    _check(manifest)
    return manifest


def _check(manifest: Manifest) -> None:
    if isinstance(manifest, schema_1.Manifest):
        schema_1.check(manifest)
    else:
        schema_2.check(manifest)
