"""A compiled answer is what REST framework's own, slow way gives, for every class of answer in the tree."""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.urls import get_resolver
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

from core.api.answers import Answer, TimeField
from core.api.rendering import compile_serializer
from fleet.api.answers.rollouts import DurationField, VerbsField
from fleet.states import RolloutState

AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
ID = UUID("6f2a1f6e-8a0e-4f9a-9d6b-0f0a8f0a8f0a")


class Color(StrEnum):
    RED = "red"


def answer_classes(parent=Answer) -> Iterator[type[Answer]]:
    # Every module with answers is imported by a view.
    assert get_resolver().url_patterns
    for child in parent.__subclasses__():
        # Those of the test below are no answers of the tree.
        if child.__module__ != __name__:
            yield child
        yield from answer_classes(child)


def sources_of(serializer):
    # Sources that give each field each of its values, or the first few of many.
    sources = [{} for _ in range(5)]
    for number, source in enumerate(sources):
        fill(source, serializer, number)
    return [SimpleNamespace(**source) for source in sources]


# The values that each kind of field is tried with; a field has those of the first kind that fits.
VALUES = {
    serializers.ListSerializer: lambda field: [[], sources_of(field.child)],
    serializers.Serializer: sources_of,
    VerbsField: lambda _field: list(RolloutState),
    serializers.ListField: lambda field: [[], (*values_of(field.child), None)],
    serializers.DictField: lambda field: [{}, {1: values_of(field.child)[0], "b": None}],
    serializers.ChoiceField: lambda field: [*field.choices, Color.RED, "unknown", ""],
    serializers.CharField: lambda _field: ["text", "", Color.RED, 7, ID, "ä\u2028"],
    serializers.IntegerField: lambda _field: [7, 7.9, "12", True],
    serializers.FloatField: lambda _field: [0.1, 3, "2.5", 1e-9],
    serializers.BooleanField: lambda _field: [True, False, "no", 1, []],
    serializers.UUIDField: lambda _field: [ID],
    TimeField: lambda _field: [AT],
    DurationField: lambda _field: [4, 90, 600],
    serializers.Field: lambda _field: [{"a": [1, None]}, "text", 7],
}


def values_of(field):
    return next(make(field) for kind, make in VALUES.items() if isinstance(field, kind))


def fill(source, serializer, number):
    for field in serializer.fields.values():
        if field.source == "*":
            fill(source, field, number)
        else:
            values = values_of(field)
            put(source, field.source_attrs, values[number % len(values)])


def put(row, names, value):
    for name in names[:-1]:
        row = row.setdefault(name, {})
    row[names[-1]] = value


@pytest.mark.parametrize("answer", sorted(set(answer_classes()), key=lambda answer: answer.__qualname__))
def test_an_answer_is_byte_for_byte_that_of_rest_framework(answer):
    rendered = 0
    for source in sources_of(answer()):
        for asked in (source, vars(source), nullify(answer(), source)):
            wanted = outcome(answer().to_representation, asked)
            assert outcome(answer.of, asked) == wanted
            rendered += isinstance(wanted, bytes)
    # The detail of a rollout asks the database for events; the rest of it is the answer of a rollout.
    assert rendered > 0 or answer.__name__ == "RolloutDetailAnswer"


class OddAnswer(serializers.Serializer):
    """Everything that REST framework reads in a way of its own."""

    method = serializers.CharField()
    absent = serializers.CharField(default="none")
    nullable = serializers.CharField(allow_null=True)
    optional = serializers.CharField(required=False)
    deep = serializers.CharField(source="one.two.three")
    row = serializers.CharField(source="lost.name", allow_null=True)
    secret = serializers.CharField(write_only=True)
    made = serializers.SerializerMethodField()

    def get_made(self, source):
        return "made"


class PlainOddAnswer(OddAnswer):
    made = None


class Lost:
    @property
    def lost(self):
        raise ObjectDoesNotExist


@pytest.mark.parametrize("odd", [OddAnswer, PlainOddAnswer])
def test_odd_fields_are_left_to_rest_framework(odd):
    source = Lost()
    source.method = lambda: "called"
    source.one = {"two": SimpleNamespace(three=3)}
    shown = compile_serializer(odd())(source)
    assert shown == odd().to_representation(source)
    assert (shown["method"], shown["absent"], shown["deep"], shown["row"]) == ("called", "none", "3", None)
    assert "optional" not in shown


def test_a_missing_attribute_is_named_as_by_rest_framework():
    with pytest.raises(AttributeError, match="field `method` on serializer `PlainOddAnswer`"):
        compile_serializer(PlainOddAnswer())(SimpleNamespace())


def nullify(serializer, source):
    names = {field.source_attrs[0] for field in serializer.fields.values() if field.source_attrs and field.allow_null}
    return SimpleNamespace(**{**vars(source), **dict.fromkeys(names)})


def outcome(render, source):
    try:
        return JSONRenderer().render(render(source))
    except Exception as error:  # noqa: BLE001 - errors are compared
        return type(error), str(error)
