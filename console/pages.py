"""Decorators for the views of pages: they check the role, and show a refusal to the person.

A view that shows is a ``page`` or a ``form_page``. A view that changes rows is a ``verb``: POST only, and it returns a redirect.
Each names its area, and the roles of that area are the same as on the API (``core.roles``).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.api.authentication import role_of
from core.errors import DomainError, Invalid
from core.roles import Area, roles_that_may

View = Callable[..., HttpResponse]


def page(area: Area) -> Callable[[View], View]:
    """Show a page to people whose role may read the area. A refusal, such as an unknown name, is shown as a page."""

    def decorate(view: View) -> View:
        return require_safe(login_required(never_cache(_guard(view, area, write=False))))

    return decorate


def form_page(area: Area) -> Callable[[View], View]:
    """Show a form and receive it, for people whose role may write the area."""

    def decorate(view: View) -> View:
        shown: View = login_required(never_cache(_guard(view, area, write=True)))
        return require_http_methods(["GET", "HEAD", "POST"])(shown)

    return decorate


def verb(area: Area, *, back: str, of: Sequence[str] | None = None) -> Callable[[View], View]:
    """Run a view for people whose role may write the area. A refusal becomes a message on the page ``back``.

    ``back`` is the name of a URL. It takes the arguments of the view's own URL that ``of`` lists; without ``of``, all of them.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def acted(request: HttpRequest, **kwargs: object) -> HttpResponse:
            check_role(request, area, write=True)
            try:
                _check_text(request)
                return view(request, **kwargs)
            except DomainError as error:
                messages.error(request, error.detail)
            kept = kwargs if of is None else {name: kwargs[name] for name in of}
            return redirect(reverse(back, kwargs=kept))

        return require_POST(login_required(acted))

    return decorate


def may(request: HttpRequest, area: Area, *, write: bool) -> bool:
    """Return whether the person's role may read or write the area."""
    return role_of(request.user) in roles_that_may(area, write=write)


def check_role(request: HttpRequest, area: Area, *, write: bool) -> None:
    """Check that the person's role may read or write the area.

    Raises:
        PermissionDenied: The role may not. The message names the roles that may.
    """
    if not may(request, area, write=write):
        names = " or ".join(sorted(roles_that_may(area, write=write)))
        message = f"Your role does not allow this; it needs {names}."
        raise PermissionDenied(message)


def show_refusal(form: Form, error: DomainError, *, fields: Mapping[str, str] | None = None) -> None:
    """Show a refusal at the fields that it names, or above the form if it names none of its fields.

    ``fields`` maps names of the API to names of the form where they differ.
    """
    rows = error.extra.get("errors")
    placed = False
    for row in rows if isinstance(rows, list) else []:
        name = str(row.get("field", "")).split(".", maxsplit=1)[0]
        name = (fields or {}).get(name, name)
        if name in form.fields:
            form.add_error(name, f"{_name_place(row['field'])} {row['message']}")
            placed = True
    if not placed:
        form.add_error(None, error.detail)


def _name_place(field: str) -> str:
    """Write a field of the API for people, who count from one: ``stages.1.percent`` is the percentage of stage 2."""
    name, *rest = field.split(".")
    if rest and rest[0].isdecimal():
        return " ".join([f"{name.removesuffix('s').capitalize()} {int(rest[0]) + 1}:", *rest[1:]])
    return field


def _check_text(request: HttpRequest) -> None:
    # PostgreSQL cannot store NUL. Addresses with NUL are refused before (config.web.middleware).
    if any("\x00" in value for _, values in request.POST.lists() for value in values):
        message = "Text may not contain NUL."
        raise Invalid(message)


def _guard(view: View, area: Area, *, write: bool) -> View:
    @wraps(view)
    def shown(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        check_role(request, area, write=write)
        try:
            _check_text(request)
            return view(request, *args, **kwargs)
        except DomainError as error:
            return render(request, "refusal.html", {"error": error}, status=error.kind.value)

    return shown
