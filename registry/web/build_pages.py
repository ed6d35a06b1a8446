"""What people do with builds on the page of a version: build every method, cancel, try again, read the log."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from console.pages import page, verb
from core.api.authentication import actor_of
from core.roles import Area
from registry.versions import builds, queries, uploads, variants

_OF_VERSION = ("model", "version")


@verb(Area.MODELS, back="version-page")
def add_targets(request: HttpRequest, model: str, version: str) -> HttpResponse:
    """Build a version for more targets, by a preset."""
    found = queries.get_version(model, version)
    preset = request.POST.get("preset") or None
    uploads.check_preset(preset)
    variants.add_targets(found, request.POST.getlist("targets"), actor=actor_of(request.user), preset=preset)
    return redirect("version-page", model=model, version=version)


@verb(Area.MODELS, back="version-page")
def build_all(request: HttpRequest, model: str, version: str) -> HttpResponse:
    """Build every recipe that applies, side by side; for all targets of the version if none is named."""
    found = queries.get_version(model, version)
    variants.build_all_recipes(found, request.POST.getlist("targets"), actor=actor_of(request.user))
    messages.success(
        request, "Every method that applies is built for comparison. What devices are offered stays as it is."
    )
    return redirect("version-page", model=model, version=version)


@verb(Area.MODELS, back="version-page", of=_OF_VERSION)
def cancel(request: HttpRequest, model: str, version: str, build: int) -> HttpResponse:
    """Stop a build."""
    builds.cancel(queries.get_version(model, version), build, actor=actor_of(request.user))
    return redirect("version-page", model=model, version=version)


@verb(Area.MODELS, back="version-page", of=_OF_VERSION)
def retry(request: HttpRequest, model: str, version: str, build: int) -> HttpResponse:
    """Start a stopped or failed build again."""
    builds.retry(queries.get_version(model, version), build, actor=actor_of(request.user))
    return redirect("version-page", model=model, version=version)


@page(Area.MODELS)
def log(request: HttpRequest, model: str, version: str, build: int) -> HttpResponse:
    """Show what happened to a build; the page asks for the lines anew until the build is over."""
    found = queries.get_version(model, version)
    return render(request, "registry/build_log.html", {"version": found, "job": builds.get(found, build)})
