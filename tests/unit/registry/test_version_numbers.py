import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.version_numbers import InvalidVersionNumber, VersionNumber

# SemVer 2.0.0, items 9 to 11, its own examples in ascending order.
ASCENDING = [
    "0.9.9", "1.0.0-0", "1.0.0-9", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-alpha-",
    "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.2.0", "1.10.0", "2.0.0", "2.1.0", "2.1.1", "10.0.0",
]  # fmt: skip


def test_versions_sort_by_precedence():
    shuffled = random.sample(ASCENDING, len(ASCENDING))
    assert [str(version) for version in sorted(map(VersionNumber.parse, shuffled))] == ASCENDING


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.02.3", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+", "1.2.3 ", "1.2.3\n",
     "\u0661.2.3", "1.2.3-é", "-1.2.3", "1.2.3-" + "a" * 128],
)  # fmt: skip
def test_what_is_no_semantic_version_is_refused(text):
    with pytest.raises(InvalidVersionNumber):
        VersionNumber.parse(text)


@pytest.mark.parametrize(
    "text", ["1.2.3", "1.0.0-rc.1+build.5", "1.0.0--.-", "1.0.0-0a", "99999999999999999999.0.0", "1.0.0+001"]
)
def test_a_version_prints_as_it_was_written(text):
    assert str(VersionNumber.parse(text)) == text


def test_build_metadata_has_no_precedence_but_makes_another_version():
    plain, built = VersionNumber.parse("1.0.0"), VersionNumber.parse("1.0.0+7")
    assert plain.sort_text == built.sort_text
    assert plain != built


def precedence(version):
    """SemVer 2.0.0, item 11, written as tuples, independently of the text under test."""
    identifiers = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in version.prerelease)
    return version.major, version.minor, version.patch, not version.prerelease, identifiers


numbers = st.integers(min_value=0, max_value=10**12)
identifiers = st.from_regex(r"\A(0|[1-9][0-9]{0,6}|[0-9]{0,2}[a-zA-Z-][0-9a-zA-Z-]{0,4})\Z")
versions = st.builds(VersionNumber, numbers, numbers, numbers, st.lists(identifiers, max_size=4).map(tuple))


@given(versions, versions)
def test_the_byte_order_of_the_sort_text_is_the_precedence(left, right):
    assert (left.sort_text.encode() < right.sort_text.encode()) == (precedence(left) < precedence(right))
    assert (left.sort_text == right.sort_text) == (precedence(left) == precedence(right))


@given(versions)
def test_parsing_what_was_printed_gives_the_same_version(version):
    assert VersionNumber.parse(str(version)) == version
