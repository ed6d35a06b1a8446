"""The parts that manifests of both schemas have in common, with their rules.

The bytes of a manifest are canonical JSON (sorted keys, no spaces, UTF-8), so that the same manifest has the same digest everywhere.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from core.errors import DomainError, Kind
from registry import names, version_numbers

# JSON of people and of other parts of the registry; a manifest carries it as it is.
Document = dict[str, Any]
Scalars = dict[str, str | int | float | bool]

ITEM_SIZE_BYTES: Final = {
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "float16": 2,
    "int32": 4,
    "uint32": 4,
    "float32": 4,
    "int64": 8,
    "uint64": 8,
    "float64": 8,
}


class InvalidManifest(DomainError):
    """Bytes or values are no manifest of a known schema."""

    code: ClassVar[str] = "invalid_manifest"
    kind: ClassVar[Kind] = Kind.UNPROCESSABLE


class ModelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The one file a device downloads."""

    name: str
    size: int
    sha256: str
    format: str


class TensorSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An input or output of the graph; a dimension that varies is named instead of numbered."""

    name: str
    dtype: str
    shape: list[int | str]


class Tensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A concrete array: little-endian bytes in C order, base64 in JSON."""

    dtype: str
    shape: list[int]
    data: bytes


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The uploaded file that the variant was built from."""

    sha256: str
    size: int


class GoldenTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Golden inputs and outputs; passes when |got - want| <= absolute + relative * |want| and p50 is in the budget."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    absolute_tolerance: float
    relative_tolerance: float
    latency_budget_ms: float


class Described(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the manifests of both schemas say of a variant in the same words."""

    model: str
    version: str
    target: str
    recipe: str
    recipe_digest: str
    file: ModelFile
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    labels: list[str] = []
    source: Source
    measurements: Document = {}
    min_agent_version: str


def digest(data: bytes) -> str:
    """Return the hex SHA-256 of a manifest's bytes."""
    return hashlib.sha256(data).hexdigest()


def canonical_json(value: object) -> bytes:
    """Return JSON with sorted keys, no spaces, in UTF-8: equal values have equal bytes.

    Raises:
        InvalidManifest: A number is not finite, which JSON cannot say (RFC 8259, section 6).
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except ValueError as error:
        raise InvalidManifest(f"The value has no canonical JSON: {error}.") from error


def check_described(manifest: Described) -> None:
    """Check names, numbers, digests and sizes.

    Raises:
        InvalidManifest: A digest or a size is none.
        InvalidName: or ``InvalidVersionNumber``: A name or a number breaks its own rule.
    """
    names.check_model_slug(manifest.model)
    names.check_slug(manifest.target, field="target")
    names.check_slug(manifest.recipe, field="recipe")
    names.check_file_name(manifest.file.name)
    version_numbers.VersionNumber.parse(manifest.version)
    version_numbers.VersionNumber.parse(manifest.min_agent_version)
    check_digest(manifest.recipe_digest, field="recipe_digest")
    check_digest(manifest.file.sha256, field="file.sha256")
    check_digest(manifest.source.sha256, field="source.sha256")
    if manifest.file.size <= 0 or manifest.source.size <= 0:
        raise InvalidManifest("A size must be above zero.")


def check_golden_test(test: GoldenTest, *, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
    """Check the golden tensors against the declared ones, and the bounds.

    Raises:
        InvalidManifest: They contradict each other, or a bound is not finite or negative.
    """
    _check_tensors(test.inputs, specs=inputs, field="self_test.inputs")
    _check_tensors(test.outputs, specs=outputs, field="self_test.outputs")
    tolerances = (test.absolute_tolerance, test.relative_tolerance)
    if not all(math.isfinite(value) and value >= 0 for value in tolerances):
        raise InvalidManifest("A self-test tolerance must be finite and not negative.")
    if not (math.isfinite(test.latency_budget_ms) and test.latency_budget_ms > 0):
        raise InvalidManifest("self_test.latency_budget_ms must be finite and above zero.")


def _check_tensors(tensors: Mapping[str, Tensor], *, specs: Sequence[TensorSpec], field: str) -> None:
    by_name = {spec.name: spec for spec in specs}
    if len(by_name) != len(specs) or set(tensors) != set(by_name):
        raise InvalidManifest(f"{field} must hold each declared name once: {sorted(spec.name for spec in specs)}.")
    for name, tensor in tensors.items():
        if tensor.dtype != by_name[name].dtype or tensor.dtype not in ITEM_SIZE_BYTES:
            raise InvalidManifest(f"{field}.{name} has dtype {tensor.dtype!r}, declared as {by_name[name].dtype!r}.")
        if not _fits(tensor.shape, declared=by_name[name].shape):
            raise InvalidManifest(f"{field}.{name} has shape {tensor.shape}, declared as {by_name[name].shape}.")
        if len(tensor.data) != math.prod(tensor.shape) * ITEM_SIZE_BYTES[tensor.dtype]:
            raise InvalidManifest(f"{field}.{name} has {len(tensor.data)} bytes, which its shape and dtype contradict.")


def _fits(shape: Sequence[int], *, declared: Sequence[int | str]) -> bool:
    if len(shape) != len(declared) or any(size < 0 for size in shape):
        return False
    return all(isinstance(want, str) or want == got for got, want in zip(shape, declared, strict=True))


def check_digest(text: str, *, field: str) -> None:
    """Let a digest pass.

    Raises:
        InvalidManifest: It is no lower-case hex SHA-256.
    """
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise InvalidManifest(f"{field} is not a lower-case hex SHA-256.")
