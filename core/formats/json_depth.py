"""How deep JSON may nest. Checked before any parser reads it (docs/adr/0023).

Each parser has its own limit. The limit of Python's parser depends on the Python version and on the caller's stack, so one process
could accept a document that the next process cannot read. Our limit is the same everywhere, and far below all others.
"""

import re
from typing import Final

MAX_DEPTH: Final = 100
TOO_DEEP: Final = f"The JSON is nested deeper than {MAX_DEPTH} levels."

# Curly brackets count as square ones: a parser refuses a bracket that is closed by the wrong kind.
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
# A string (RFC 8259, section 7). The quantifier is possessive, so that a string without an end costs one pass only.
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|$)', re.DOTALL)


def is_too_deep(text: bytes | str) -> bool:
    """Return whether JSON nests deeper than ``MAX_DEPTH`` levels; for other text the result means nothing, a parser refuses it.

    Takes about a nanosecond per byte.
    """
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    # First without looking for strings, which is fast: brackets in strings can only add to the depth.
    if not _outnests(data.translate(_ONE_KIND, _NOT_BRACKETS)):
        return False
    return _outnests(_STRING.sub(b"", data).translate(_ONE_KIND, _NOT_BRACKETS))


def _outnests(brackets: bytes) -> bool:
    # Each pass removes the innermost level.
    for _ in range(MAX_DEPTH):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)
