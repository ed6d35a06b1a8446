"""Semantic version numbers: parse, compare, and sort in the database (SemVer 2.0.0, semver.org)."""

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import ClassVar, Final, Self

from core.errors import Invalid

MAX_LENGTH: Final = 128

_NUMBER = r"(?:0|[1-9]\d*)"
_IDENTIFIER = r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_GRAMMAR: Final = re.compile(
    rf"(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER})"
    rf"(?:-(?P<prerelease>{_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
    r"(?:\+(?P<build>[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?",
    re.ASCII,
)


class InvalidVersionNumber(Invalid):
    """A text is no semantic version."""

    code: ClassVar[str] = "invalid_version_number"


@total_ordering
@dataclass(frozen=True)
class VersionNumber:
    """One semantic version; equal only to the same text, ordered by precedence and then by build metadata."""

    major: int
    minor: int
    patch: int
    prerelease: tuple[str, ...] = ()
    build: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a semantic version.

        Raises:
            InvalidVersionNumber: The text is not SemVer 2.0.0, or is longer than 128 characters.
        """
        match = _GRAMMAR.fullmatch(text) if len(text) <= MAX_LENGTH else None
        if match is None:
            message = f"{text[:80]!r} is not a semantic version such as 1.2.0 or 1.2.0-rc.1."
            raise InvalidVersionNumber.field("version", message)
        prerelease, build = match["prerelease"], match["build"]
        return cls(
            major=int(match["major"]),
            minor=int(match["minor"]),
            patch=int(match["patch"]),
            prerelease=tuple(prerelease.split(".")) if prerelease else (),
            build=tuple(build.split(".")) if build else (),
        )

    @property
    def is_prerelease(self) -> bool:
        """Whether the version comes before a release (SemVer 2.0.0, item 9)."""
        return bool(self.prerelease)

    @property
    def sort_text(self) -> str:
        """Text whose byte order is the order of precedence; its column needs the collation "C".

        Numbers carry their length in front; a release ends in '~', above every pre-release; the space between
        identifiers is below every character they may have, so that fewer identifiers come first (item 11.4).
        """
        core = "".join(_sortable_number(number) for number in (self.major, self.minor, self.patch))
        if not self.prerelease:
            return core + "~"
        return core + "-" + " ".join(_sortable_identifier(identifier) for identifier in self.prerelease)

    def __lt__(self, other: Self) -> bool:
        return (self.sort_text, self.build) < (other.sort_text, other.build)

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        if self.prerelease:
            text += "-" + ".".join(self.prerelease)
        return text + "+" + ".".join(self.build) if self.build else text


def _sortable_number(number: int) -> str:
    digits = str(number)
    return f"{len(digits):03d}{digits}"


def _sortable_identifier(identifier: str) -> str:
    # Item 11.4.3: numeric identifiers have lower precedence than alphanumeric ones.
    return "0" + _sortable_number(int(identifier)) if identifier.isdigit() else "1" + identifier
