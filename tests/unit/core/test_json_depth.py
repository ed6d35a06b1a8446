"""The depth of JSON is ours to limit, not the interpreter's."""

import json
import sys

import pytest

from core.formats.json_depth import MAX_DEPTH, is_too_deep


def nest(levels, *, opening="[", closing="]", inside=""):
    return opening * levels + inside + closing * levels


@pytest.mark.parametrize(("opening", "closing", "inside"), [("[", "]", ""), ('{"a":', "}", "1"), ('[{"[":', "}]", "1")])
def test_the_limit_is_the_last_depth_that_is_taken(opening, closing, inside):
    per_level = opening.count("[") - opening.count('"[') + opening.count("{")
    levels = MAX_DEPTH // per_level
    assert not is_too_deep(nest(levels, opening=opening, closing=closing, inside=inside))
    assert is_too_deep(nest(levels + 1, opening=opening, closing=closing, inside=inside))


@pytest.mark.parametrize("text", ["[" * 1_000, "{" * 1_000, "[{" * 1_000, nest(100_000)])
def test_what_never_ends_is_too_deep(text):
    assert is_too_deep(text)
    assert is_too_deep(text.encode())


@pytest.mark.parametrize(
    "value",
    ["[" * 1_000, '"' + "[" * 1_000, "\\" + "{" * 1_000, ["["] * 1_000, {"{" * 500: "[" * 500}, "\ud800[" * 200],
)
def test_brackets_inside_strings_are_no_levels(value):
    assert not is_too_deep(json.dumps(value))
    assert not is_too_deep(json.dumps(value, ensure_ascii=False))


def test_a_wide_document_is_not_deep():
    assert not is_too_deep(json.dumps([{"a": [1, {"b": []}]}] * 10_000))


def test_our_limit_is_reached_long_before_the_interpreters():
    assert sys.getrecursionlimit() > MAX_DEPTH * 5
