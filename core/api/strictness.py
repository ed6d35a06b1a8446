"""Serializers of the operator API: an unknown field is refused by name, never dropped in silence."""

from typing import Any

from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not declare."""

    def to_internal_value(self, data: Any) -> Any:
        """Validate the fields; unknown ones are errors of their own name."""
        if isinstance(data, dict):
            unknown = sorted(set(map(str, data)) - set(self.fields))
            if unknown:
                raise serializers.ValidationError({name: ["is not a field of this request."] for name in unknown})
        return super().to_internal_value(data)
