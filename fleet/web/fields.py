"""Form fields for labels and for the stages of a rollout."""

from collections.abc import Mapping, Sequence

from django import forms
from django.http import QueryDict

from core.errors import DomainError
from core.formats.durations import parse_duration
from fleet.rollouts.stages import Stage

_STAGE_PARTS = ("percent", "min_duration", "min_confirmed")


class LabelsField(forms.CharField):
    """Labels written as ``site=osaka, line=2``; their rule is checked by the verb."""

    widget = forms.TextInput(attrs={"placeholder": "site=osaka, line=2"})

    def clean(self, value: str) -> dict[str, str]:
        """Read the pairs."""
        text = super().clean(value)
        labels: dict[str, str] = {}
        for pair in filter(None, (part.strip() for part in text.split(","))):
            key, separator, rest = pair.partition("=")
            if not separator:
                message = f"“{pair[:40]}” is not key=value."
                raise forms.ValidationError(message)
            labels[key.strip()] = rest.strip()
        return labels


class StagesWidget(forms.Widget):
    """Rows of three inputs; the template draws them."""

    def value_from_datadict(self, data: Mapping[str, str], files: object, name: str) -> list[dict[str, str]]:  # noqa: ARG002 - Django's hook
        """Read the rows as they were typed; rows without a percentage are left out."""
        if not isinstance(data, QueryDict):
            return []
        columns = [data.getlist(f"{name}_{part}") for part in _STAGE_PARTS]
        rows = [dict(zip(_STAGE_PARTS, row, strict=True)) for row in zip(*columns, strict=False)]
        return [row for row in rows if row["percent"].strip()]


class StagesField(forms.Field):
    """The stages of a rollout, each in one row."""

    widget = StagesWidget

    def clean(self, value: Sequence[Mapping[str, str]] | None) -> list[Stage]:
        """Read every row; which percentages are allowed is checked by the verb."""
        stages = []
        for place, row in enumerate(value or [], start=1):
            try:
                stages.append(_read_stage(row))
            except (ValueError, DomainError) as error:
                detail = error.detail if isinstance(error, DomainError) else "numbers are needed."
                message = f"Stage {place}: {detail}"
                raise forms.ValidationError(message) from error
        if not stages:
            message = "At least one stage is needed."
            raise forms.ValidationError(message)
        return stages


def _read_stage(row: Mapping[str, str]) -> Stage:
    return Stage(
        percent=float(row["percent"].strip().rstrip("%")),
        min_duration_seconds=int(parse_duration(row["min_duration"] or "0").total_seconds()),
        min_confirmed=max(0, int(row["min_confirmed"] or "1")),
    )
