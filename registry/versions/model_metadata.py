"""The JSON of an upload: metadata (labels, pre-processing, shapes, task, free notes) and budget."""

import re
from itertools import chain
from typing import Annotated, Any, ClassVar, Final

import msgspec

from core.errors import Invalid
from registry.compression import budget as budgets
from registry.compression import model_task
from registry.compression.recipes import NOT_BUILT_YET, RECIPES
from registry.compression.targets import load_targets
from registry.manifests.parts import InvalidManifest, canonical_json

MAX_BYTES = 1024 * 1024
_MAX_DEPTH: Final = 32
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class InvalidMetadata(Invalid):
    """The metadata is no JSON object of the form that manifests carry."""

    code: ClassVar[str] = "invalid_metadata"


class _Known(msgspec.Struct):
    labels: list[str] = []
    preprocessing: dict[str, Any] = {}
    # The extents of inputs, where free ones cannot be guessed.
    shapes: dict[str, list[Annotated[int, msgspec.Meta(ge=1, le=2**31)]]] = {}
    task: object = None


def check(metadata: object) -> dict[str, Any]:
    """Return the metadata unchanged.

    ``labels`` and ``preprocessing`` go into manifests, ``shapes`` and ``task`` to the builders; other keys are kept only.

    Raises:
        InvalidMetadata: Not an object, a task that contradicts itself, a known key of the wrong type, too large, or not storable.
    """
    if not isinstance(metadata, dict):
        raise InvalidMetadata.field("metadata", "must be a JSON object.")
    if fault := _find_fault(metadata):
        raise InvalidMetadata.field("metadata", fault)
    try:
        msgspec.convert(metadata, _Known)
        size = len(canonical_json(metadata))
    except (msgspec.ValidationError, InvalidManifest) as error:
        raise InvalidMetadata.field("metadata", str(error)) from error
    try:
        model_task.read(metadata)
    except model_task.InvalidTask as error:
        raise InvalidMetadata.field("metadata", error.detail) from error
    if size > MAX_BYTES:
        raise InvalidMetadata.field("metadata", f"has {size} bytes as JSON; the limit is {MAX_BYTES}.")
    return metadata


def check_budget(budget: object) -> object:
    """Return the budget unchanged.

    Raises:
        Invalid: Not an object, not storable, an unknown field, recipe or target, or a number out of range.
    """
    if not isinstance(budget, dict):
        raise Invalid.field("budget", "must be a JSON object.")
    if fault := _find_fault(budget):
        raise Invalid.field("budget", fault)
    budgets.read(budget, recipes={*RECIPES, *NOT_BUILT_YET}, targets=load_targets())
    return budget


def _find_fault(value: object, *, depth: int = 0) -> str | None:
    """Say why PostgreSQL's jsonb cannot store the value, or why a later reader could not parse it."""
    if isinstance(value, str):
        if "\0" in value:
            return "must not contain the character U+0000."
        return "must not contain half a surrogate pair." if _SURROGATE.search(value) else None
    if not isinstance(value, dict | list):
        return None
    if depth == _MAX_DEPTH:
        return f"is nested deeper than {_MAX_DEPTH} levels."
    parts = chain(value, value.values()) if isinstance(value, dict) else value
    return next((fault for part in parts if (fault := _find_fault(part, depth=depth + 1))), None)
