"""One inference as a device records it: the definition that telemetry and baselines share (docs/wire-format.md, *Telemetry*)."""

from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec

from core.errors import DomainError, Kind
from core.formats.json_depth import TOO_DEEP, is_too_deep

_ShortText = Annotated[str, msgspec.Meta(max_length=128)]
_Finite = Annotated[float, msgspec.Meta(ge=-1.7976931348623157e308, le=1.7976931348623157e308)]


class InferenceRecord(msgspec.Struct, frozen=True, gc=False):
    """A record on the wire. Unknown fields are ignored; NaN and infinities are no JSON and are refused."""

    timestamp: Annotated[float, msgspec.Meta(ge=0, le=253_402_300_799)]
    latency_ms: Annotated[float, msgspec.Meta(ge=0, le=1e12)]
    model_version: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)]
    class_id: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    request_hash: _ShortText = ""
    model_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    features: list[_Finite] | dict[_ShortText, _Finite] | None = None
    provider: _ShortText | None = None
    resources: dict[str, object] | None = None


class UnreadableRecords(DomainError):
    """A file of recorded inferences has a line that is no record."""

    code = "unreadable_records"
    kind = Kind.INVALID


_decoder = msgspec.json.Decoder(InferenceRecord)


def read_json_lines(lines: Iterable[bytes]) -> Iterator[InferenceRecord]:
    """Read recorded inferences, one JSON object per line; blank lines are passed over.

    Raises:
        UnreadableRecords: A line breaks the schema; the message names line and field.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            if is_too_deep(line):
                raise UnreadableRecords(f"Line {number}: {TOO_DEEP}", line=number)
            try:
                yield _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UnreadableRecords(f"Line {number}: {error}", line=number) from error
