"""The page that uploads a version."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from console import pages
from core.api.authentication import actor_of
from core.roles import Area
from core.uploads import takes_uploads
from registry.models import RegisteredModel
from registry.storage.upload_limits import UploadTooLarge
from registry.versions import queries
from registry.versions.verbs import Taken
from registry.web.upload_form import UploadForm


# Not checked by the middleware, which reads the body to find the token: a body that is too large must be an error of the form.
@takes_uploads(Area.MODELS)
@csrf_exempt
def upload(request: HttpRequest, model: str = "") -> HttpResponse:
    """Show the form, and take an upload; ``model`` is the model that the form begins with."""
    if pages.may(request, Area.MODELS, write=True):
        try:
            request.POST  # noqa: B018 - parses the body
        except UploadTooLarge as error:
            return _show(request, UploadForm.refused("file", error.detail))
    return _take(request, model=model)


@pages.form_page(Area.MODELS)
@csrf_protect
def _take(request: HttpRequest, model: str) -> HttpResponse:
    known = queries.get_model(model) if model else None
    form = UploadForm(initial={"model": model})
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
        taken = form.save(actor=actor_of(request.user)) if form.is_valid() else None
        if taken is not None:
            return _lead_to(taken)
    return _show(request, form, model=known)


def _show(request: HttpRequest, form: UploadForm, *, model: RegisteredModel | None = None) -> HttpResponse:
    return render(request, "registry/upload.html", {"form": form, "model": model})


def _lead_to(taken: Taken) -> HttpResponse:
    """Lead to the page of the version. What was ignored is in the address: the upload's script reads the page once before."""
    names = {"model": taken.version.model.slug, "version": taken.version.number}
    query = f"?{urlencode({'ignored': ','.join(taken.ignored)})}" if taken.ignored else ""
    return redirect(reverse("version-page", kwargs=names) + query)
