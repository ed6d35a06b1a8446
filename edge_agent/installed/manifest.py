"""Reading a manifest, and refusing one that is not about this assignment or this agent.

The bytes are checked against the digest of the answer and the signature before anything here is believed.
"""

import dataclasses
import json
import math
from typing import Any

from edge_agent import version
from edge_agent.names import NAME, RESERVED_FILENAMES, SHA256
from edge_agent.server.answers import Assignment
from edge_agent.update.failures import Failure, UpdateFailed

MANIFEST_FILE = "manifest.json"
SCHEMA = "modelfleet.manifest/1"
FORMATS = frozenset({"onnx", "ort"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """The parts of a manifest that the device works by."""

    model: str
    version: str
    target: str
    filename: str
    size_bytes: int
    sha256: str
    format: str
    engine: str
    providers: tuple[str, ...]
    options: dict[str, Any]
    inputs: tuple[dict[str, Any], ...]
    outputs: tuple[dict[str, Any], ...]
    labels: tuple[str, ...]
    self_test: dict[str, Any]
    min_agent_version: str


def parse(content: bytes) -> Manifest:
    """Read a manifest's bytes.

    Raises:
        UpdateFailed: `manifest_invalid`, with the first field that is wrong.
    """
    try:
        document = json.loads(content)
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise _invalid(f"the schema is not {SCHEMA}")
        return _read(document)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _invalid(f"{type(error).__name__}: {error}") from error


def _read(document: dict[str, Any]) -> Manifest:
    file, runtime, self_test = (_object(document, name) for name in ("file", "runtime", "self_test"))
    manifest = Manifest(
        model=_text(document, "model"),
        version=_text(document, "version"),
        target=_text(document, "target"),
        filename=_text(file, "name"),
        size_bytes=_size(file),
        sha256=_text(file, "sha256"),
        format=_text(file, "format"),
        engine=_text(runtime, "engine"),
        providers=tuple(str(name) for name in runtime["providers"]),
        options=dict(runtime.get("options") or {}),
        inputs=tuple(dict(tensor) for tensor in document["inputs"]),
        outputs=tuple(dict(tensor) for tensor in document["outputs"]),
        labels=tuple(str(label) for label in document.get("labels") or ()),
        self_test=self_test,
        min_agent_version=str(document.get("min_agent_version", "0.0.0")),
    )
    if not NAME.fullmatch(manifest.filename) or manifest.filename in RESERVED_FILENAMES:
        raise _invalid(f"file.name {manifest.filename!r} is not a plain name")
    if not SHA256.fullmatch(manifest.sha256):
        raise _invalid("file.sha256 is no SHA-256")
    _check_self_test(self_test)
    return manifest


def _check_self_test(self_test: dict[str, Any]) -> None:
    if not _object(self_test, "inputs") or not _object(self_test, "outputs"):
        raise _invalid("the self-test is empty")
    for name in ("absolute_tolerance", "relative_tolerance", "latency_budget_ms"):
        value = self_test.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise _invalid(f"self_test.{name} is no number from zero up")


def check_fits(manifest: Manifest, *, assignment: Assignment) -> None:
    """Refuse a manifest that is about something else than the assignment, or that this agent cannot run.

    The hardware target is compared with the answer's: a target's fall-back may well carry another name than the device's.

    Raises:
        UpdateFailed: `manifest_invalid` or `incompatible`.
    """
    pairs = {
        "model": (manifest.model, assignment.model),
        "version": (manifest.version, assignment.version),
        "target": (manifest.target, assignment.target),
        "file.name": (manifest.filename, assignment.filename),
        "file.sha256": (manifest.sha256, assignment.sha256),
        "file.size": (manifest.size_bytes, assignment.size_bytes),
    }
    for name, (said, wanted) in pairs.items():
        if said != wanted:
            raise _invalid(f"{name} is {said!r}, the assignment says {wanted!r}")
    if manifest.engine != "onnxruntime" or manifest.format not in FORMATS:
        message = f"this agent runs onnx and ort files by onnxruntime, not {manifest.format} by {manifest.engine}"
        raise UpdateFailed(Failure.INCOMPATIBLE, message)
    try:
        is_too_new = version.parse(manifest.min_agent_version) > version.parse(version.__version__)
    except ValueError as error:
        raise _invalid(f"min_agent_version {manifest.min_agent_version!r} is no version") from error
    if is_too_new:
        message = f"needs agent {manifest.min_agent_version}, this is {version.__version__}"
        raise UpdateFailed(Failure.INCOMPATIBLE, message)


def _invalid(message: str) -> UpdateFailed:
    return UpdateFailed(Failure.MANIFEST_INVALID, message)


def _object(document: dict[str, Any], name: str) -> dict[str, Any]:
    value = document[name]
    if not isinstance(value, dict):
        raise _invalid(f"{name} is no object")
    return value


def _text(document: dict[str, Any], name: str) -> str:
    value = document[name]
    if not isinstance(value, str) or not value:
        raise _invalid(f"{name} is no text")
    return value


def _size(file: dict[str, Any]) -> int:
    value = file["size"]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _invalid("file.size is no size")
    return value
