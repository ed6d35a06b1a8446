"""The manifest: the signed document that describes one model file.

Reading does not prove a manifest genuine. `update.documents` checks digest and signature before an update; the digest of
the model file is checked again at every load.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, TypedDict

from edge_agent import names
from edge_agent.errors import AgentError

SCHEMA = "modelfleet.manifest/1"

# A parsed JSON object whose fields nobody has checked yet.
Document = dict[str, Any]


class BadManifest(AgentError):
    """The manifest is no JSON, of another schema, or lacks a field; the message says which."""

    code = "bad_manifest"


class GoldenTensor(TypedDict):
    """One array of the self-test: base64 of its little-endian bytes in C order. Decoding checks it."""

    dtype: str
    shape: list[int]
    data: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelfTest:
    """The golden inputs and outputs by name, the tolerances of the outputs, and the time that one inference may take."""

    inputs: Mapping[str, GoldenTensor]
    outputs: Mapping[str, GoldenTensor]
    absolute_tolerance: float
    relative_tolerance: float
    latency_budget_ms: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """The parts of a manifest that the device uses.

    `input_shapes` has one entry per input, with one entry per axis: a number, or a name where the axis has any size.
    `options` are the engine's own; the session picks those that it knows.
    """

    model: str
    version: str
    target: str
    filename: str
    size_bytes: int
    sha256: str
    format: str
    engine: str
    providers: tuple[str, ...]
    options: Mapping[str, object]
    input_shapes: tuple[tuple[object, ...], ...]
    labels: tuple[str, ...]
    self_test: SelfTest
    min_agent_version: str


def parse(content: bytes) -> Manifest:
    """Read a manifest's bytes.

    Raises:
        BadManifest: a field is missing or wrong; the message names the first one.
    """
    try:
        document = json.loads(content)
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            message = f"the schema is not {SCHEMA}"
            raise BadManifest(message)
        return _read(document)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"{type(error).__name__}: {error}"
        raise BadManifest(message) from error


def _read(document: Document) -> Manifest:
    file, runtime = _object(document, "file"), _object(document, "runtime")
    _list(document, "outputs")
    return Manifest(
        model=_text(document, "model"),
        version=_text(document, "version"),
        target=_text(document, "target"),
        filename=_filename(file),
        size_bytes=_size(file),
        sha256=_sha256(file),
        format=_text(file, "format"),
        engine=_text(runtime, "engine"),
        providers=tuple(str(name) for name in runtime["providers"]),
        options=dict(runtime.get("options") or {}),
        input_shapes=tuple(tuple(tensor["shape"]) for tensor in _list(document, "inputs")),
        labels=tuple(str(label) for label in document.get("labels") or ()),
        self_test=_self_test(_object(document, "self_test")),
        min_agent_version=str(document.get("min_agent_version", "0.0.0")),
    )


def _self_test(section: Document) -> SelfTest:
    inputs, outputs = _object(section, "inputs"), _object(section, "outputs")
    if not inputs or not outputs:
        message = "the self-test is empty"
        raise BadManifest(message)
    return SelfTest(
        inputs=inputs,
        outputs=outputs,
        absolute_tolerance=_bound(section, "absolute_tolerance"),
        relative_tolerance=_bound(section, "relative_tolerance"),
        latency_budget_ms=_bound(section, "latency_budget_ms"),
    )


def _bound(section: Document, name: str) -> float:
    value = section.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        message = f"self_test.{name} is no number from zero up"
        raise BadManifest(message)
    return float(value)


def _filename(file: Document) -> str:
    name = _text(file, "name")
    # The name becomes a path in the slot: a slash would lead out of it.
    if not names.NAME.fullmatch(name) or name in names.RESERVED_FILENAMES:
        message = f"file.name {name!r} is not a plain name"
        raise BadManifest(message)
    return name


def _sha256(file: Document) -> str:
    digest = _text(file, "sha256")
    if not names.SHA256.fullmatch(digest):
        message = "file.sha256 is no SHA-256"
        raise BadManifest(message)
    return digest


def _size(file: Document) -> int:
    value = file["size"]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        message = "file.size is no size"
        raise BadManifest(message)
    return value


def _object(document: Document, name: str) -> Document:
    value = document[name]
    if not isinstance(value, dict):
        message = f"{name} is no object"
        raise BadManifest(message)
    return value


def _list(document: Document, name: str) -> list[Document]:
    return [dict(item) for item in document[name]]


def _text(document: Document, name: str) -> str:
    value = document[name]
    if not isinstance(value, str) or not value:
        message = f"{name} is no text"
        raise BadManifest(message)
    return value
