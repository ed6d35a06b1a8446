"""Enrollment keys: list, create (the key is shown this once), revoke."""

from dataclasses import dataclass
from datetime import timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone

from console.pages import form_page, page, show_refusal, verb
from core.api.authentication import actor_of
from core.errors import DomainError
from core.formats.durations import parse_duration
from core.roles import Area
from fleet.devices import enrollment_keys
from fleet.devices import queries as device_queries
from fleet.devices.enrollment_keys import MAX_USES, NewKey
from fleet.devices.subscriptions import Follow
from fleet.models import EnrollmentKey
from fleet.states import EnrollmentMode, KeyState
from fleet.web.fields import LabelsField
from registry.compression.targets import load_targets
from registry.versions.queries import list_models

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key and whether it lets devices in now."""

    key: EnrollmentKey
    state: KeyState


class KeyForm(forms.Form):
    """The form for a new key."""

    name = forms.CharField(max_length=100, help_text="For people: the site, the line, the batch of devices.")
    max_uses = forms.IntegerField(
        label="Devices", initial=1, min_value=1, max_value=MAX_USES, help_text="How many devices it may let in."
    )
    life = forms.CharField(label="Valid for", initial="24h", max_length=20, help_text="For example 30m, 24h or 7d.")
    mode = forms.ChoiceField(
        label="Then",
        choices=[
            (EnrollmentMode.ACCEPT.value, "devices are in at once"),
            (EnrollmentMode.REVIEW.value, "a person accepts each device"),
        ],
    )
    target = forms.ChoiceField(required=False, help_text="Only devices of this target may use it.")
    model = forms.ChoiceField(label="Follows model", required=False)
    channel = forms.CharField(initial="stable", max_length=64, required=False)
    labels = LabelsField(
        required=False,
        help_text="Written on each device, as site=osaka, line=2. They go before labels that the device sends.",
    )

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data)
        targets = [(target.name, target.title) for target in load_targets().values()]
        slugs = list(list_models().values_list("slug", flat=True))
        self.fields["target"].choices = [("", "Any target"), *targets]  # type: ignore[attr-defined]  # a ChoiceField
        choices = [(slug, slug) for slug in slugs] + [("", "none yet")]
        self.fields["model"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField

    def clean_life(self) -> timedelta:
        """Read the duration."""
        try:
            return parse_duration(self.cleaned_data["life"])
        except DomainError as error:
            raise forms.ValidationError(error.detail) from error

    def new_key(self) -> NewKey:
        """Return the key that the verb takes; call it on a valid form."""
        given = self.cleaned_data
        follows = [Follow(model=given["model"], channel=given["channel"] or "stable")] if given["model"] else []
        return NewKey(
            name=given["name"],
            max_uses=given["max_uses"],
            expires_at=timezone.now() + given["life"],
            mode=EnrollmentMode(given["mode"]),
            target=given["target"],
            labels=given["labels"],
            subscriptions=follows,
        )


@page(Area.FLEET)
def keys(request: HttpRequest) -> HttpResponse:
    """List all keys."""
    now = timezone.now()
    rows = [KeyRow(key, key.state_at(now)) for key in device_queries.list_enrollment_keys()[:_SHOWN]]
    return render(request, "fleet/keys.html", {"rows": rows})


@form_page(Area.FLEET)
def new_key(request: HttpRequest) -> HttpResponse:
    """Ask for a new key, make it, and show it. The secret is in this one answer and nowhere else."""
    form = KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            key, secret = enrollment_keys.create(form.new_key(), actor=actor_of(request.user))
        except DomainError as error:
            show_refusal(form, error, fields={"expires_at": "life", "subscriptions": "model"})
        else:
            return render(request, "fleet/key_created.html", {"key": key, "secret": secret})
    return render(request, "fleet/key_form.html", {"form": form})


@verb(Area.FLEET, back="enrollment-keys-page", of=[])
def revoke_key(request: HttpRequest, key_id: int) -> HttpResponse:
    """Revoke a key."""
    enrollment_keys.revoke(key_id, actor=actor_of(request.user))
    messages.success(request, "The key is revoked. Devices that it let in stay.")
    return redirect("enrollment-keys-page")
