"""Acts on one variant that a person confirms on a page of their own: offer it to devices, vouch for its calibration."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from console.pages import form_page
from core.api.authentication import actor_of
from core.errors import DomainError
from core.roles import Area
from registry import preconditions
from registry.offers import queries as offer_queries
from registry.offers import verbs as offers
from registry.versions import acceptance, queries
from registry.versions.acceptance import UnknownVariant
from registry.versions.details import VariantDetails, VersionDetails, describe_version


class ReasonForm(forms.Form):
    """Why the samples are right."""

    reason = forms.CharField(
        max_length=1_000,
        help_text="The audit trail keeps it. For example: these are images of the night camera, and its devices see nothing else.",
        widget=forms.Textarea(attrs={"rows": 4}),
    )


@form_page(Area.FLEET)
def offer(request: HttpRequest, model: str, version: str, variant: int) -> HttpResponse:
    """Say what offering the variant makes devices do, and offer it once a person confirms."""
    found = queries.get_shown_version(model, version)
    shown = describe_version(found)
    chosen = _find(shown, variant)
    if request.method == "POST":
        revision = request.POST.get("revision", "")
        if_match = preconditions.etag(int(revision)) if revision.isdecimal() and len(revision) < 10 else None
        try:
            offers.put(found, chosen.target, variant_id=variant, if_match=if_match, actor=actor_of(request.user))
        except DomainError as error:
            messages.error(request, error.detail)
            return redirect(request.path)
        messages.success(request, f"Devices of {chosen.target} are offered {chosen.recipe}.")
        return redirect("version-page", model=model, version=version)
    given = {
        "version": shown,
        "variant": chosen,
        "before": _find_offered(shown, chosen.target),
        "offer": next((row for row in offer_queries.list_offers(found) if row.target == chosen.target), None),
        "channels": list(found.model.channels.filter(version=found).values_list("name", flat=True)),
    }
    return render(request, "registry/offer_variant.html", given)


@form_page(Area.MODELS)
def accept_calibration(request: HttpRequest, model: str, version: str, variant: int) -> HttpResponse:
    """Ask why the calibration samples are right, and make the variant READY."""
    found = queries.get_shown_version(model, version)
    shown = describe_version(found)
    chosen = _find(shown, variant)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason, actor = form.cleaned_data["reason"], actor_of(request.user)
        acceptance.accept_calibration(found, variant, reason=reason, actor=actor)
        messages.success(
            request, f"{chosen.recipe} for {chosen.target} is ready. Devices get it once somebody offers it."
        )
        return redirect("version-page", model=model, version=version)
    given = {"version": shown, "variant": chosen, "form": form}
    return render(request, "registry/accept_calibration.html", given)


def _find(shown: VersionDetails, variant_id: int) -> VariantDetails:
    """Return a variant of the version.

    Raises:
        UnknownVariant: There is none of that number.
    """
    found = next((variant for variant in shown.variants if variant.id == variant_id), None)
    if found is None:
        message = f"{shown.model} {shown.number} has no variant {variant_id}."
        raise UnknownVariant(message)
    return found


def _find_offered(shown: VersionDetails, target: str) -> VariantDetails | None:
    return next((variant for variant in shown.variants if variant.target == target and variant.is_default), None)
