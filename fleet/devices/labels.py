"""Labels of a device, by which operators select devices; and the rule for JSON that a device sends about itself."""

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from core.errors import Invalid

# JSON that a device sends about itself. People read it; no rule does.
Document = Mapping[str, object]

MAX_LABELS: Final = 32
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{0,128}")
_MAX_DEPTH: Final = 8
_MAX_ITEMS: Final = 200
_MAX_TEXT: Final = 2_000


class InvalidLabel(Invalid):
    """A label's key or value breaks the rule."""

    code: ClassVar[str] = "invalid_label"


def check_labels(labels: Mapping[str, str], *, field: str = "labels") -> dict[str, str]:
    """Return the labels as a plain dictionary.

    Raises:
        InvalidLabel: More than 32, a key with other characters than letters, digits, ``. _ / -``, or a value that is no
            text of at most 128 printable characters.
    """
    if len(labels) > MAX_LABELS:
        raise InvalidLabel.field(field, f"has more than {MAX_LABELS} labels.")
    for key, value in labels.items():
        if not _KEY.fullmatch(key):
            raise InvalidLabel.field(
                field, f"{key[:80]!r} cannot be a key: use letters, digits, '.', '_', '/', '-'; 63 at most."
            )
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise InvalidLabel.field(field, f"the value of {key!r} must be a text of at most 128 printable characters.")
    return dict(labels)


def clean_document(value: Any, *, depth: int = 0) -> Any:
    """Return JSON of a device as PostgreSQL can keep it: no NUL, no lone surrogate, no NaN, bounded depth and size.

    People read these documents and no rule does, so a document that is too large is cut, not refused.
    """
    if isinstance(value, str):
        return value[:_MAX_TEXT].replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int | None):
        return value if value is None or abs(value) < 2**63 else None
    if depth >= _MAX_DEPTH:
        return None
    if isinstance(value, dict):
        pairs = list(value.items())[:_MAX_ITEMS]
        return {clean_document(str(key)): clean_document(item, depth=depth + 1) for key, item in pairs}
    return [clean_document(item, depth=depth + 1) for item in list(value)[:_MAX_ITEMS]]
