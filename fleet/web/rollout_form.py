"""The form that plans a rollout of one model."""

from collections.abc import Mapping
from typing import Any, Final, cast

from django import forms
from django.http import QueryDict

from fleet.rollouts.plans import Plan
from fleet.rollouts.selectors import Selector
from fleet.web.fields import LabelsField, StagesField
from registry.compression.targets import load_targets
from registry.versions.queries import get_model, list_offerable_numbers

DEFAULT_STAGES: Final = (
    {"percent": "5", "min_duration": "10m", "min_confirmed": "1"},
    {"percent": "25", "min_duration": "30m", "min_confirmed": "1"},
    {"percent": "100", "min_duration": "0", "min_confirmed": "1"},
)


class RolloutForm(forms.Form):
    """Moves a channel of the model to a version, stage by stage."""

    version = forms.ChoiceField(label="To version")
    channel = forms.ChoiceField(help_text="The rollout updates the devices that follow this channel.")
    labels = LabelsField(label="Only labels", required=False, help_text="All of them must be on the device.")
    targets = forms.MultipleChoiceField(label="Only targets", required=False, widget=forms.CheckboxSelectMultiple)
    stages = StagesField(initial=DEFAULT_STAGES)
    # Kept from the preview on: the same salt selects the devices that the preview named.
    salt = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None = None, *, model: str, initial: Mapping[str, str] | None = None) -> None:
        found = get_model(model)
        numbers = list_offerable_numbers(found)
        self._points_to = dict(found.channels.values_list("name", "version__number"))
        names = list(self._points_to)
        chosen = {"channel": "stable", **(initial or {})}
        if chosen["channel"] not in names and names:
            chosen["channel"] = names[0]
        # The newest version that the channel does not point to.
        others = [number for number in numbers if number != self._points_to.get(chosen["channel"])]
        super().__init__(data, initial={"version": next(iter(others), None), **chosen})
        self.model = model
        self.fields["version"].choices = [(number, number) for number in numbers]  # type: ignore[attr-defined]
        self.fields["channel"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        targets = [(target.name, target.title) for target in load_targets().values()]
        self.fields["targets"].choices = targets  # type: ignore[attr-defined]
        self.can_be_used = bool(numbers and names)

    def clean(self) -> dict[str, Any]:
        """Refuse a version that the channel points to already: the rollout could not start."""
        given = super().clean() or self.cleaned_data
        channel, version = given.get("channel"), given.get("version")
        if channel and version and self._points_to.get(channel) == version:
            self.add_error("version", f"{self.model}/{channel} points to {version} already.")
        return given

    def plan(self) -> Plan:
        """Return the plan that the verbs take; call it on a valid form."""
        given = self.cleaned_data
        selector = Selector(labels=given["labels"], targets=frozenset(given["targets"]))
        return Plan(
            model=self.model,
            channel=given["channel"],
            version=given["version"],
            stages=given["stages"],
            selector=selector,
            salt=given["salt"],
        )

    def keep_salt(self, salt: str) -> "RolloutForm":
        """Return the same form with the salt of a preview."""
        data = cast("QueryDict", self.data).copy()
        data["salt"] = salt
        kept = RolloutForm(data, model=self.model)
        kept.full_clean()
        return kept
