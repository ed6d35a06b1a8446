"""Serializers that refuse unknown fields by name. DRF alone would ignore them, and a misspelled field would do nothing."""

from django.utils.datastructures import MultiValueDict
from rest_framework import serializers


class StrictBody(serializers.Serializer[object]):
    """Refuses fields that are not declared, and form fields that are sent twice but are not lists."""

    def to_internal_value(self, data: object) -> object:
        """Validate the fields. The error of an unknown or repeated field has its name."""
        if isinstance(data, dict):
            unknown = sorted(set(map(str, data)) - set(self.fields))
            if unknown:
                raise serializers.ValidationError({name: ["is not a field of this request."] for name in unknown})
        if isinstance(data, MultiValueDict):
            repeated = [name for name in data if len(data.getlist(name)) > 1 and not self._is_repeatable(name)]
            if repeated:
                raise serializers.ValidationError({name: ["is given more than once."] for name in repeated})
        return super().to_internal_value(data)

    def _is_repeatable(self, name: str) -> bool:
        return isinstance(self.fields[name], serializers.ListField)
