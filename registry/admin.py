"""The registry in the web admin: every row, to be read."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from core.roles import Area
from core.web_admin.by_role import InlineByRole, RowsByRole
from registry.models import Baseline, Channel, Job, ModelVersion, RegisteredModel, Variant


class VariantRows(InlineByRole[Variant, ModelVersion]):
    """The variants of a version, below its fields."""

    area = Area.MODELS
    model = Variant
    fields = ("target", "recipe", "status", "reason", "filename", "file", "measured_on")
    readonly_fields = fields


@admin.register(ModelVersion)
class ModelVersionAdmin(RowsByRole[ModelVersion]):
    """Versions; the page for uploads adds one."""

    area = Area.MODELS
    list_display = ["__str__", "status", "created_at", "created_by", "quarantined_at"]
    list_filter = ["status", "model"]
    list_select_related = ["model"]
    search_fields = ["number", "model__slug"]
    inlines = [VariantRows]

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's hook
        """Let people upload whose role may write models."""
        return self.has_write_permission(request)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",  # noqa: ARG002 - Django's hook
        extra_context: object = None,  # noqa: ARG002 - Django's hook
    ) -> HttpResponse:
        """Lead to the page that uploads a version."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return redirect("upload-page")


@admin.register(RegisteredModel)
class RegisteredModelAdmin(RowsByRole[RegisteredModel]):
    """Models."""

    area = Area.MODELS
    list_display = ["slug", "description", "created_at"]
    search_fields = ["slug"]


@admin.register(Channel)
class ChannelAdmin(RowsByRole[Channel]):
    """Channels; the REST API, the console and rollouts move them."""

    area = Area.MODELS
    list_display = ["__str__", "version", "revision", "updated_at"]
    list_select_related = ["model", "version__model"]


@admin.register(Baseline)
class BaselineAdmin(RowsByRole[Baseline]):
    """Baselines."""

    area = Area.MODELS
    list_display = ["__str__", "source", "samples", "created_at", "created_by"]
    list_select_related = ["version__model"]


@admin.register(Job)
class JobAdmin(RowsByRole[Job]):
    """Jobs, open and done."""

    area = Area.MODELS
    list_display = ["__str__", "status", "progress", "attempts", "due_at", "lease_expires_at", "finished_at"]
    list_filter = ["status", "kind"]
    list_select_related = ["version__model"]
