"""Compile a serializer into a function that returns what ``to_representation`` of the serializer returns, and takes less time.

REST framework finds out anew, for each field of each row, how to read and write the field. Here the fields are looked at once.
A field without a quick form keeps its own methods, so answers and errors stay those of REST framework.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple, TypeAlias, cast

from django.core.exceptions import ObjectDoesNotExist
from django.db.models.manager import BaseManager
from rest_framework import serializers
from rest_framework.fields import Field, SkipField, _UnvalidatedField

Read: TypeAlias = Callable[[object], object]
Write: TypeAlias = Callable[[object], object]
# REST framework's fields, whatever they take and give.
_AnyField: TypeAlias = Field[Any, Any, Any, Any]


class _CompiledField(NamedTuple):
    name: str
    read_object: Read
    read_mapping: Read
    # As REST framework reads the field: slow, and knows every special case.
    read_slowly: Read
    write: Write


def compile_serializer(serializer: _AnyField) -> Write:
    """Return a function that renders one source; a serializer with a ``to_representation`` of its own keeps it."""
    if isinstance(serializer, serializers.ListSerializer):
        return _compile_list(serializer)
    if not isinstance(serializer, serializers.Serializer) or _is_special(serializer):
        return serializer.to_representation
    fields = [_compile_field(field) for field in serializer.fields.values() if not field.write_only]

    def render(source: object) -> object:
        is_mapping = isinstance(source, Mapping)
        shown = {}
        for name, read_object, read_mapping, read_slowly, write in fields:
            try:
                value = read_mapping(source) if is_mapping else read_object(source)
                if callable(value):
                    value = read_slowly(source)
            except (AttributeError, KeyError, ObjectDoesNotExist):
                try:
                    value = read_slowly(source)
                except SkipField:
                    continue
            shown[name] = None if value is None else write(value)
        return shown

    return render


def _is_special(serializer: _AnyField) -> bool:
    if type(serializer).to_representation is not serializers.Serializer.to_representation:
        return True
    fields: dict[str, _AnyField] = getattr(serializer, "fields", {})
    return any(type(field).get_attribute is not Field.get_attribute for field in fields.values())


def _compile_list(serializer: _AnyField) -> Write:
    child = getattr(serializer, "child", None)
    is_special = type(serializer).to_representation is not serializers.ListSerializer.to_representation
    if is_special or not isinstance(child, serializers.BaseSerializer):
        return serializer.to_representation
    write = compile_serializer(child)

    def render(rows: object) -> object:
        found = rows.all() if isinstance(rows, BaseManager) else rows
        return [write(row) for row in cast("Iterable[object]", found)]

    return render


def _compile_field(field: _AnyField) -> _CompiledField:
    names: list[str] = field.source_attrs
    read_object: Read = attrgetter(".".join(names)) if names else _same
    # Of a longer path, the parts may be mappings and objects by turns.
    read_mapping = cast("Read", itemgetter(names[0])) if len(names) == 1 else field.get_attribute
    return _CompiledField(str(field.field_name), read_object, read_mapping, field.get_attribute, _compile_write(field))


def _compile_write(field: _AnyField) -> Write:
    if isinstance(field, serializers.BaseSerializer):
        return compile_serializer(field)
    # A subclass that writes in its own way has another function here.
    make = _WRITERS.get(type(field).to_representation)
    return make(field) if make else field.to_representation


def _same(value: object) -> object:
    return value


def _write_boolean(field: _AnyField) -> Write:
    return lambda value: value if value is True or value is False else field.to_representation(value)


def _write_choice(field: _AnyField) -> Write:
    choices: dict[str, str] = getattr(field, "choice_strings_to_values", {})
    return lambda value: choices.get(value, value) if type(value) is str else field.to_representation(value)


def _write_json(field: _AnyField) -> Write:
    return field.to_representation if getattr(field, "binary", False) else _same


def _write_uuid(field: _AnyField) -> Write:
    return str if getattr(field, "uuid_format", "") == "hex_verbose" else field.to_representation


def _write_list(field: _AnyField) -> Write:
    write = _compile_write(getattr(field, "child", field))

    def render(items: object) -> object:
        return [None if item is None else write(item) for item in cast("Iterable[object]", items)]

    return render


def _write_dict(field: _AnyField) -> Write:
    write = _compile_write(getattr(field, "child", field))

    def render(found: object) -> object:
        items = cast("dict[object, object]", found).items()
        return {str(key): None if item is None else write(item) for key, item in items}

    return render


_WRITERS: Final[Mapping[Callable[..., object], Callable[[_AnyField], Write]]] = {
    serializers.BooleanField.to_representation: _write_boolean,
    serializers.CharField.to_representation: lambda _field: str,
    serializers.ChoiceField.to_representation: _write_choice,
    serializers.DictField.to_representation: _write_dict,
    serializers.FloatField.to_representation: lambda _field: cast("Write", float),
    serializers.IntegerField.to_representation: lambda _field: cast("Write", int),
    serializers.JSONField.to_representation: _write_json,
    serializers.ListField.to_representation: _write_list,
    serializers.UUIDField.to_representation: _write_uuid,
    _UnvalidatedField.to_representation: lambda _field: _same,
}
