"""How deep JSON may nest before anything parses it.

Parsers stop at a depth of their own, which differs between interpreters and with the caller's stack: what one process took, the
next one could not read. This limit is ours, the same everywhere, and far below all of theirs.
"""

import re
from typing import Final

MAX_DEPTH: Final = 100
TOO_DEEP: Final = f"The JSON is nested deeper than {MAX_DEPTH} levels."

# Whether a bracket is closed by its own kind is the parser's to say.
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
# RFC 8259, section 7. Possessive, so that a string without an end costs one pass.
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|$)', re.DOTALL)


def is_too_deep(text: bytes | str) -> bool:
    """Whether JSON nests deeper than ``MAX_DEPTH`` levels. What is not JSON may be called either; a parser refuses it.

    Takes about a nanosecond a byte where strings hold no brackets.
    """
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
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
