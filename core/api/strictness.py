"""Serializers of the operator API: what cannot be used is refused by name, never dropped in silence."""

from typing import Any

from django.utils.datastructures import MultiValueDict
from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not declare, and parts of a form that are sent twice where one is meant."""

    def to_internal_value(self, data: Any) -> Any:
        """Validate the fields; unknown and repeated ones are errors of their own name."""
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
