"""The console's pages of models and versions. The page of a version asks for its live part until nothing is left to build."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from console.pages import page, verb
from core.api.authentication import actor_of
from core.roles import Area
from registry import channels, preconditions
from registry.baselines import verbs as baselines
from registry.compression.targets import load_targets
from registry.states import VersionStatus
from registry.versions import queries, search
from registry.versions.details import describe_version
from registry.versions.search import Wanted
from registry.versions.uploads import IGNORABLE
from registry.web import version_view

_VERSIONS_SHOWN = 100
_MODELS_SHOWN = 200


@page(Area.MODELS)
def models(request: HttpRequest) -> HttpResponse:
    """List the models that a person looks for; all of them without a search, up to a number that a page can hold."""
    wanted = Wanted.read(request.GET)
    found = list(search.find_models(wanted).prefetch_related("channels__version")[: _MODELS_SHOWN + 1])
    shown = {
        "models": found[:_MODELS_SHOWN],
        "are_more": len(found) > _MODELS_SHOWN,
        "wanted": wanted,
        "statuses": list(VersionStatus),
        "targets": list(load_targets().values()),
    }
    return render(request, "registry/models.html", shown)


@page(Area.MODELS)
def model(request: HttpRequest, model: str) -> HttpResponse:
    """Show a model with its channels and newest versions."""
    found = queries.get_model(model)
    versions = [describe_version(row) for row in queries.list_versions(model).order_by("-pk")[:_VERSIONS_SHOWN]]
    shown = {
        "model": found,
        "versions": versions,
        "channels": found.channels.select_related("version"),
        "ready_numbers": queries.list_offerable_numbers(found),
        "baselines": queries.count_baseline_samples(found),
    }
    is_moving = any(row.progress for row in versions)
    answer = render(request, "registry/model.html", {**shown, "is_moving": is_moving})
    return _reload_at_the_end(request, answer, is_moving=is_moving)


@page(Area.MODELS)
def version(request: HttpRequest, model: str, version: str) -> HttpResponse:
    """Show a version with every variant."""
    found = queries.get_shown_version(model, version)
    shown = version_view.describe(found)
    pointing = found.model.channels.filter(version=found)
    given = {"page": shown, "version": shown.version, "baseline": baselines.in_force(found), "channels": pointing}
    given["ignored"] = [name for name in request.GET.get("ignored", "").split(",") if name in IGNORABLE]
    return render(request, "registry/version.html", given)


@page(Area.MODELS)
def version_progress(request: HttpRequest, model: str, version: str) -> HttpResponse:
    """Return the part of the version's page that changes while builders work."""
    shown = version_view.describe(queries.get_shown_version(model, version))
    answer = render(request, "registry/version_live.html", {"page": shown, "version": shown.version})
    return _reload_at_the_end(request, answer, is_moving=bool(shown.version.progress))


def _reload_at_the_end(request: HttpRequest, answer: HttpResponse, *, is_moving: bool) -> HttpResponse:
    """Let the browser load the whole page once the work is over, since only a part of the page polls."""
    if "HX-Request" in request.headers and not is_moving:
        answer["HX-Refresh"] = "true"
    return answer


@verb(Area.FLEET, back="model-page")
def move_channel(request: HttpRequest, model: str) -> HttpResponse:
    """Point a channel to a version, unless it has moved since the person saw it; without a revision, create it."""
    found = queries.get_version(model, request.POST.get("version", ""))
    revision = request.POST.get("revision", "")
    if_match = preconditions.etag(int(revision)) if revision.isdecimal() else None
    moved = channels.put(
        found.model, request.POST.get("channel", ""), version=found, if_match=if_match, actor=actor_of(request.user)
    )
    messages.success(request, f"The channel {moved.name} points to {moved.version.number}.")
    return redirect("model-page", model=model)
