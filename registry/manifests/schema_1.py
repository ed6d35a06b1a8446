"""The manifest of a variant, schema 1. Agents before 0.2.0 read no other."""

from typing import Final, Literal

import msgspec

from registry.manifests import parts
from registry.manifests.parts import Document, InvalidManifest, Scalars

SCHEMA: Final = "modelfleet.manifest/1"

# A baseline itself: its id, and the counts of its bins.
Statistics = dict[str, str | int | list[int] | dict[str, int]]


class Runtime(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What runs the file, with execution providers in order of preference."""

    engine: str
    providers: list[str]
    options: Scalars = {}


class Manifest(parts.Described, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that the signature promises about one variant."""

    schema: Literal["modelfleet.manifest/1"] = SCHEMA
    runtime: Runtime
    preprocessing: Document = {}
    self_test: parts.GoldenTest
    baseline: Statistics | None = None


def check(manifest: Manifest) -> None:
    """Check every rule that the types do not hold.

    Raises:
        InvalidManifest: A value breaks a rule, or contradicts another one.
    """
    parts.check_described(manifest)
    if not manifest.runtime.providers:
        raise InvalidManifest("runtime.providers must name at least one execution provider.")
    parts.check_golden_test(manifest.self_test, inputs=manifest.inputs, outputs=manifest.outputs)
