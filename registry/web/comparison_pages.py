"""The page that shows two versions of a model side by side."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from console.pages import page
from core.roles import Area
from registry.versions import comparison, queries

_NUMBERS_SHOWN = 200


@page(Area.MODELS)
def compare(request: HttpRequest, model: str) -> HttpResponse:
    """Ask which two versions, and show how they differ once both are named."""
    found = queries.get_model(model)
    before, after = request.GET.get("from", ""), request.GET.get("to", "")
    numbers = found.versions.order_by("-pk").values_list("number", flat=True)[:_NUMBERS_SHOWN]
    shown = comparison.compare(model, before, after) if before and after else None
    chosen = {"before": before, "after": after}
    return render(request, "registry/compare.html", {"model": found, "numbers": numbers, "found": shown, **chosen})
