"""The part of the upload form that asks for a person's limits: four numbers in the units of people, and JSON for the rest."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from django import forms
from django.core.exceptions import ValidationError

_PERCENT: Final = 0.01
_MEGABYTE: Final = 1_000_000
# Of each number of the form: the name in the budget, and what the unit of the form is worth there.
_NUMBERS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "max_accuracy_loss": ("max_accuracy_loss", _PERCENT),
        "min_agreement": ("min_agreement", _PERCENT),
        "max_size_mb": ("max_size_bytes", _MEGABYTE),
        "latency_ms": ("latency_ms", 1.0),
    }
)
# The field of the form that shows a refusal of each number.
FIELDS: Mapping[str, str] = MappingProxyType({f"budget.{name}": field for field, (name, _) in _NUMBERS.items()})


class BudgetForm(forms.Form):
    """Asks for the limits; an empty field leaves the limit to the preset and the target."""

    max_accuracy_loss = forms.FloatField(
        label="Largest loss of accuracy",
        required=False,
        min_value=0,
        max_value=100,
        help_text="Percentage points, on samples with labels. Empty: the preset's.",
    )
    min_agreement = forms.FloatField(
        label="Least agreement",
        required=False,
        min_value=0,
        max_value=100,
        help_text="Percent of decisions that stay the same. Empty: the task's.",
    )
    max_size_mb = forms.FloatField(
        label="Largest file", required=False, min_value=0.000_001, help_text="MB. Empty: the target's."
    )
    latency_ms = forms.FloatField(
        label="Longest inference",
        required=False,
        min_value=0.000_001,
        help_text="Milliseconds, where the builder has the target's processor. Empty: the target's.",
    )
    budget = forms.JSONField(
        label="More limits",
        required=False,
        initial=dict,
        help_text='JSON, for example {"exclude_nodes": ["/head/Conv"], "recipes": ["static-int8"], '
        '"targets": {"rk3588": {"latency_ms": 20}}}.',
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def clean(self) -> None:
        """Refuse a number that is in the JSON too."""
        super().clean()
        given = self.cleaned_data.get("budget")
        for field, (name, _) in _NUMBERS.items():
            if isinstance(given, dict) and name in given and self.cleaned_data.get(field) is not None:
                self.add_error(field, ValidationError("This number is in the JSON too; give it once."))

    def read_budget(self) -> object:
        """Return the budget of the API; whether it is one is checked by the verb."""
        given = self.cleaned_data["budget"]
        if given is not None and not isinstance(given, dict):
            return given
        numbers = {
            name: self.cleaned_data[field] * worth
            for field, (name, worth) in _NUMBERS.items()
            if self.cleaned_data[field] is not None
        }
        if "max_size_bytes" in numbers:
            numbers["max_size_bytes"] = max(1, round(numbers["max_size_bytes"]))
        return {**(given or {}), **numbers}
