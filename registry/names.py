"""The rules for names that appear in addresses, manifests and file systems."""

import re
from typing import ClassVar, Final

from core.errors import Invalid

RESERVED_MODEL_SLUGS: Final = frozenset({"latest"})
MANIFEST_NAME: Final = "manifest.json"
SIGNATURE_NAME: Final = "model.sig"

_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_RESERVED_FILE_NAMES: Final = frozenset({MANIFEST_NAME, SIGNATURE_NAME})


class InvalidName(Invalid):
    """A name breaks the rule for its kind, or is reserved."""

    code: ClassVar[str] = "invalid_name"


def check_slug(text: str, *, field: str = "name") -> str:
    """Return the slug unchanged.

    Raises:
        InvalidName: It is not 1 to 64 of a-z, 0-9, dot, underscore and hyphen, or does not start with a letter or digit.
    """
    if not _SLUG.fullmatch(text):
        rule = "must be 1 to 64 of a-z, 0-9, '.', '_', '-' and start with a letter or digit."
        raise InvalidName.field(field, f"{text[:80]!r} {rule}")
    return text


def check_model_slug(text: str) -> str:
    """Return the slug of a model unchanged.

    Raises:
        InvalidName: The text is no slug, or it is reserved: the device API has a path of that name.
    """
    check_slug(text, field="model")
    if text in RESERVED_MODEL_SLUGS:
        raise InvalidName.field("model", f"{text!r} is a reserved name.")
    return text


def check_file_name(text: str) -> str:
    """Return the name of a variant's file unchanged: one path segment, safe on every file system.

    Raises:
        InvalidName: It has other characters than letters, digits, '.', '_' and '-', or is a name that a bundle uses.
    """
    if not _FILE_NAME.fullmatch(text) or text.lower() in _RESERVED_FILE_NAMES:
        raise InvalidName.field("filename", f"{text[:80]!r} cannot be the name of a model file.")
    return text
