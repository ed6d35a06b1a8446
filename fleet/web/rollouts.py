"""Rollouts: list, plan with a preview, watch, act."""

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from console.pages import form_page, page, show_refusal, verb
from core.api.authentication import actor_of
from core.errors import DomainError
from core.roles import Area
from fleet.rollouts import members, operator_verbs, plans, progress
from fleet.rollouts import queries as rollout_queries
from fleet.rollouts import verbs as rollouts
from fleet.rollouts.operator_verbs import OPERATOR_VERBS
from fleet.states import RolloutState
from fleet.web.rollout_form import RolloutForm
from registry.versions.queries import list_models

_SHOWN = 200


@page(Area.FLEET)
def index(request: HttpRequest) -> HttpResponse:
    """List rollouts, newest first."""
    model, state = request.GET.get("model", ""), request.GET.get("state", "")
    rows = rollout_queries.list_rollouts(model=model or None, state=state or None)[:_SHOWN]
    given = {
        "rollouts": rows,
        "models": list_models().values_list("slug", flat=True),
        "states": list(RolloutState),
        "chosen": {"model": model, "state": state},
        "is_moving": any(row.is_active for row in rows),
    }
    return render(request, "fleet/rollouts.html", given)


@form_page(Area.FLEET)
def new(request: HttpRequest) -> HttpResponse:
    """Plan a rollout: choose the model, fill in, preview, and only then draft or start it."""
    slugs = list(list_models().values_list("slug", flat=True))
    model = request.POST.get("model") or request.GET.get("model") or (slugs[0] if len(slugs) == 1 else "")
    if model not in slugs:
        return render(request, "fleet/rollout_model.html", {"models": slugs})
    if request.method != "POST":
        given = {name: request.GET[name] for name in ("version", "channel") if name in request.GET}
        form = RolloutForm(model=model, initial=given)
        return render(request, "fleet/rollout_form.html", {"form": form, "model": model})
    return _take(request, RolloutForm(request.POST, model=model), model=model)


@page(Area.FLEET)
def rollout(request: HttpRequest, rollout_id: uuid.UUID) -> HttpResponse:
    """Show how a rollout stands and what happened to it."""
    found = rollout_queries.list_rollouts().filter(pk=rollout_id).first()
    if found is None:
        message = f"There is no rollout {rollout_id}."
        raise rollouts.UnknownRollout(message)
    everybody = members.list_members_of(found)
    given = {
        "rollout": found,
        "progress": progress.measure(found, members=everybody, now=timezone.now()),
        "events": found.events.order_by("-id"),
        "attempts": rollout_queries.list_attempts_under(found)[:_SHOWN],
        "is_moving": found.is_active,
        "verbs": operator_verbs.list_applicable(RolloutState(found.state)),
    }
    return render(request, "fleet/rollout.html", given)


@verb(Area.FLEET, back="rollout-page", of=["rollout_id"])
def act(request: HttpRequest, rollout_id: uuid.UUID, name: str) -> HttpResponse:
    """Apply a verb."""
    chosen = next((row for row in OPERATOR_VERBS.values() if row.verb == name), None)
    if chosen is None:
        raise Http404
    reason = request.POST.get("reason", "").strip()
    done = chosen.apply(rollout_id, actor=actor_of(request.user), reason=reason)
    messages.success(request, f"{chosen.done}: {reason}" if reason else done.reason)
    return redirect("rollout-page", rollout_id=rollout_id)


def _take(request: HttpRequest, form: RolloutForm, *, model: str) -> HttpResponse:
    preview = None
    try:
        if form.is_valid() and request.POST.get("then") == "preview":
            preview = plans.preview(form.plan())
            form = form.keep_salt(preview.salt)
        elif form.is_valid():
            return _create(request, form)
    except DomainError as error:
        show_refusal(form, error, fields={"selector": "labels"})
    return render(request, "fleet/rollout_form.html", {"form": form, "model": model, "preview": preview})


def _create(request: HttpRequest, form: RolloutForm) -> HttpResponse:
    actor = actor_of(request.user)
    drafted = rollouts.create(form.plan(), actor=actor)
    if request.POST.get("then") == "start":
        try:
            rollouts.start(drafted.pk, actor=actor)
        except DomainError as error:
            messages.error(request, f"It is drafted, and could not start: {error.detail}")
    return redirect("rollout-page", rollout_id=drafted.pk)
