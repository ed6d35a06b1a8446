"""Read and check one batch. Bad records are refused by index and field; the good ones are kept."""

import re
import uuid
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypedDict

import msgspec

from core.errors import Invalid
from core.formats.json_depth import TOO_DEEP, is_too_deep
from registry.baselines.inference_records import InferenceRecord

MAX_BATCH_NUMBER = 2**63 - 1


class MalformedBatch(Invalid):
    """The body is not a batch."""

    code: ClassVar[str] = "malformed_batch"


class RefusalRow(TypedDict):
    """A refusal as JSON, in receipts and in answers to devices."""

    index: int
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one record is not counted."""

    index: int
    field: str
    message: str

    def as_row(self) -> "RefusalRow":
        """Return the refusal as JSON."""
        return {"index": self.index, "field": self.field, "message": self.message}


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that is checked."""

    device_id: str
    stream: str | None
    number: int | None
    record_count: int
    refusals: tuple[Refusal, ...]

    @property
    def accepted_count(self) -> int:
        """How many records are good."""
        return self.record_count - len(self.refusals)


# What msgspec raises for bytes that are not JSON or break the schema.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
# JSON may contain NUL, texts of PostgreSQL may not. Roll-ups have the model and version as texts.
_NUL = b"\\u0000"

_DeviceId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=MAX_BATCH_NUMBER)]


class _Typed(msgspec.Struct, gc=False):
    device_id: _DeviceId
    records: list[InferenceRecord]
    stream: uuid.UUID | None = None
    batch: _Number | None = None


class _Raw(msgspec.Struct, gc=False):
    device_id: _DeviceId
    records: list[msgspec.Raw]
    stream: uuid.UUID | None = None
    batch: _Number | None = None


class _RecordsOnly(msgspec.Struct, gc=False):
    records: list[InferenceRecord]


class _RawRecordsOnly(msgspec.Struct, gc=False):
    records: list[msgspec.Raw]


_typed = msgspec.json.Decoder(_Typed)
_raw = msgspec.json.Decoder(_Raw)
_record = msgspec.json.Decoder(InferenceRecord)
_records_only = msgspec.json.Decoder(_RecordsOnly)
_raw_records_only = msgspec.json.Decoder(_RawRecordsOnly)


def parse(body: bytes) -> Batch:
    """Check a decoded body: first all records at once, which is fast; only where that fails, one by one.

    Raises:
        MalformedBatch: The body is not JSON, is nested too deep, or its envelope breaks the schema.
    """
    if is_too_deep(body):
        raise MalformedBatch(f"The body is no batch: {TOO_DEEP}")
    envelope: _Typed | _Raw
    refusals: tuple[Refusal, ...] = ()
    try:
        envelope = _typed.decode(body)
        is_good = _NUL not in body
    except UNREADABLE:
        is_good = False
    if not is_good:
        envelope, refusals = _parse_one_by_one(body)
    if (envelope.stream is None) != (envelope.batch is None):
        raise MalformedBatch("stream and batch go together: send both, or neither.")
    stream = str(envelope.stream) if envelope.stream else None
    return Batch(envelope.device_id, stream, envelope.batch, len(envelope.records), refusals)


def read_records(body: bytes, *, refused: list[int]) -> list[InferenceRecord]:
    """Read the good records of a body that ``parse`` has checked before."""
    if not refused:
        return _records_only.decode(body).records
    skip = set(refused)
    return [
        _record.decode(raw) for index, raw in enumerate(_raw_records_only.decode(body).records) if index not in skip
    ]


def _parse_one_by_one(body: bytes) -> tuple[_Raw, tuple[Refusal, ...]]:
    try:
        envelope = _raw.decode(body)
    except UNREADABLE as error:
        raise MalformedBatch(f"The body is no batch: {error}") from error
    refusals = [refusal for index, raw in enumerate(envelope.records) if (refusal := _check(index, raw))]
    return envelope, tuple(refusals)


def _check(index: int, raw: msgspec.Raw) -> Refusal | None:
    try:
        record = _record.decode(raw)
    except UNREADABLE as error:
        return _explain(index, str(error))
    for name in ("model_version", "model_id"):
        if "\0" in (getattr(record, name) or ""):
            return Refusal(index, name, "May not contain NUL")
    return None


def _explain(index: int, message: str) -> Refusal:
    # msgspec says "… - at `$.confidence`" or "Object missing required field `latency_ms`".
    sentence, _, path = message.partition(" - at ")
    found = re.search(r"\$\.(\w+)", path) or re.search(r"field `(\w+)`", sentence)
    return Refusal(index, found[1] if found else "", sentence)
