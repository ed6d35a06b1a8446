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

SCHEMAS = {1: "modelfleet.manifest/1", 2: "modelfleet.manifest/2"}

# The value of an option of the engine or of a provider.
Scalar = str | int | float | bool


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
    """The golden inputs and outputs by name, the tolerances of the outputs, and the time that one inference may take.

    `is_judged_by_task`: outputs are compared by what the task makes of them, not element by element.
    """

    inputs: Mapping[str, GoldenTensor]
    outputs: Mapping[str, GoldenTensor]
    absolute_tolerance: float
    relative_tolerance: float
    latency_budget_ms: float
    is_judged_by_task: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """What the outputs of the model mean; a field that its kind does not use is None."""

    kind: str = "other"
    scores: str | None = None
    layout: str | None = None
    score_threshold: float | None = None
    iou_threshold: float | None = None
    threshold: float | None = None
    blank: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """The parts of a manifest that the device uses.

    `input_shapes` has one entry per input, with one entry per axis: a number, or a name where the axis has any size.
    `options` are the engine's own; the session picks those that it knows. `provider_options` has those of each provider by
    name. `threads` is None where the engine chooses.
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
    provider_options: Mapping[str, Mapping[str, Scalar]]
    threads: int | None
    options: Mapping[str, object]
    input_shapes: tuple[tuple[object, ...], ...]
    labels: tuple[str, ...]
    task: Task
    self_test: SelfTest
    min_agent_version: str


class _Section:
    """One object of the manifest. Its methods read a field, and refuse one that is missing or wrong."""

    def __init__(self, fields: Mapping[str, Any], *, name: str = "") -> None:
        self._fields = fields
        self._name = f"{name}." if name else ""

    def text(self, field: str) -> str:
        value = self._fields[field]
        if not isinstance(value, str) or not value:
            raise self._wrong(field, "no text")
        return value

    def optional_text(self, field: str) -> str | None:
        return None if self._fields.get(field) is None else self.text(field)

    def number(self, field: str) -> float:
        value = self._fields.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise self._wrong(field, "no number from zero up")
        return float(value)

    def optional_number(self, field: str) -> float | None:
        value = self._fields.get(field)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise self._wrong(field, "no number")
        return value

    def whole(self, field: str, *, at_least: int = 0) -> int:
        value = self._fields[field]
        if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
            raise self._wrong(field, f"no whole number from {at_least} up")
        return value

    def optional_whole(self, field: str, *, at_least: int = 0) -> int | None:
        return None if self._fields.get(field) is None else self.whole(field, at_least=at_least)

    def section(self, field: str) -> "_Section":
        return _Section(self.mapping(field), name=field)

    def mapping(self, field: str, *, is_optional: bool = False) -> dict[str, Any]:
        value = (self._fields.get(field) or {}) if is_optional else self._fields[field]
        if not isinstance(value, dict):
            raise self._wrong(field, "no object")
        return value

    def sections(self, field: str) -> list["_Section"]:
        return [_Section(dict(item), name=field) for item in self._fields[field]]

    def items(self, field: str) -> list[object]:
        return list(self._fields[field])

    def texts(self, field: str) -> tuple[str, ...]:
        return tuple(str(item) for item in self._fields.get(field) or ())

    def _wrong(self, field: str, problem: str) -> BadManifest:
        return BadManifest(f"{self._name}{field} is {problem}")


def parse(content: bytes) -> Manifest:
    """Read a manifest's bytes, of schema 1 or 2. Fields that this agent does not know are ignored.

    Raises:
        BadManifest: a field is missing or wrong; the message names the first one.
    """
    try:
        document = json.loads(content)
        if not isinstance(document, dict) or document.get("schema") not in SCHEMAS.values():
            message = f"the schema is none of {', '.join(SCHEMAS.values())}"
            raise BadManifest(message)
        return _read(_Section(document))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"{type(error).__name__}: {error}"
        raise BadManifest(message) from error


def _read(document: _Section) -> Manifest:
    file, runtime = document.section("file"), document.section("runtime")
    providers = _providers(runtime)
    document.sections("outputs")
    return Manifest(
        model=document.text("model"),
        version=document.text("version"),
        target=document.text("target"),
        filename=_filename(file),
        size_bytes=file.whole("size"),
        sha256=_sha256(file),
        format=file.text("format"),
        engine=runtime.text("engine"),
        providers=tuple(providers),
        provider_options=providers,
        threads=runtime.optional_whole("threads", at_least=1),
        options=runtime.mapping("options", is_optional=True),
        input_shapes=tuple(tuple(tensor.items("shape")) for tensor in document.sections("inputs")),
        labels=document.texts("labels"),
        task=_task(_Section(document.mapping("task", is_optional=True), name="task")),
        self_test=_self_test(document.section("self_test")),
        min_agent_version=document.optional_text("min_agent_version") or "0.0.0",
    )


def _providers(runtime: _Section) -> dict[str, dict[str, Scalar]]:
    """Return the options of each provider by name, in order of preference. Schema 1 has names only."""
    found: dict[str, dict[str, Scalar]] = {}
    for provider in runtime.items("providers"):
        if isinstance(provider, dict):
            section = _Section(provider, name="runtime.providers")
            found[section.text("name")] = section.mapping("options", is_optional=True)
        else:
            found[str(provider)] = {}
    return found


def _task(section: _Section) -> Task:
    return Task(
        kind=section.optional_text("kind") or "other",
        scores=section.optional_text("scores"),
        layout=section.optional_text("layout"),
        score_threshold=section.optional_number("score_threshold"),
        iou_threshold=section.optional_number("iou_threshold"),
        threshold=section.optional_number("threshold"),
        blank=section.optional_whole("blank"),
    )


def _self_test(section: _Section) -> SelfTest:
    inputs, outputs = section.mapping("inputs"), section.mapping("outputs")
    if not inputs or not outputs:
        message = "the self-test is empty"
        raise BadManifest(message)
    return SelfTest(
        inputs=inputs,
        outputs=outputs,
        absolute_tolerance=section.number("absolute_tolerance"),
        relative_tolerance=section.number("relative_tolerance"),
        latency_budget_ms=section.number("latency_budget_ms"),
        is_judged_by_task=section.optional_text("judge") == "task",
    )


def _filename(file: _Section) -> str:
    name = file.text("name")
    # The name becomes a path in the slot: a slash would lead out of it.
    if not names.NAME.fullmatch(name) or name in names.RESERVED_FILENAMES:
        message = f"file.name {name!r} is not a plain name"
        raise BadManifest(message)
    return name


def _sha256(file: _Section) -> str:
    digest = file.text("sha256")
    if not names.SHA256.fullmatch(digest):
        message = "file.sha256 is no SHA-256"
        raise BadManifest(message)
    return digest
