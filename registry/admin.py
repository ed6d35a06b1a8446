"""The registry in the web admin: every row, to be read. Roles decide, not Django's permissions."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from core.api.authentication import role_of
from core.roles import Area, roles_that_may
from registry.models import Baseline, Channel, Job, ModelVersion, RegisteredModel, Variant


class ReadOnlyAdmin(admin.ModelAdmin[Model]):
    """Rows that every role reads here, and that only verbs write."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the app to every role."""
        return role_of(request.user) is not None

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's hook
        """Let every role read."""
        return role_of(request.user) is not None

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's hook
        """Let nobody add."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's hook
        """Let nobody change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's hook
        """Let nobody delete here. The REST API deletes, after it has looked for dependents."""
        return False


class VariantRows(admin.TabularInline[Variant, ModelVersion]):
    """The variants of a version, below its fields."""

    model = Variant
    extra = 0
    can_delete = False
    fields = ("target", "recipe", "status", "reason", "filename", "file", "measured_on")
    readonly_fields = fields

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's hook
        """Let every role read."""
        return role_of(request.user) is not None

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's hook
        """Let nobody add."""
        return False


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """Versions; the page for uploads adds one."""

    list_display = ["__str__", "status", "created_at", "created_by", "quarantined_at"]
    list_filter = ["status", "model"]
    list_select_related = ["model"]
    search_fields = ["number", "model__slug"]
    inlines = [VariantRows]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let people upload whose role may write models."""
        return role_of(request.user) in roles_that_may(Area.MODELS, write=True)

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
class RegisteredModelAdmin(ReadOnlyAdmin):
    """Models."""

    list_display = ["slug", "description", "created_at"]
    search_fields = ["slug"]


@admin.register(Channel)
class ChannelAdmin(ReadOnlyAdmin):
    """Channels; the REST API, the console and rollouts move them."""

    list_display = ["__str__", "version", "revision", "updated_at"]
    list_select_related = ["model", "version__model"]


@admin.register(Baseline)
class BaselineAdmin(ReadOnlyAdmin):
    """Baselines."""

    list_display = ["__str__", "source", "samples", "created_at", "created_by"]
    list_select_related = ["version__model"]


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs, open and done."""

    list_display = ["__str__", "status", "progress", "attempts", "due_at", "lease_expires_at", "finished_at"]
    list_filter = ["status", "kind"]
    list_select_related = ["version__model"]
