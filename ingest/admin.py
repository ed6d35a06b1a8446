"""The web admin of ingest: the batches that could not be counted, read-only."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from ingest.models import LandedBatch, LandingState


@admin.register(LandedBatch)
class LandedBatchAdmin(admin.ModelAdmin[LandedBatch]):
    """Quarantined batches, and why."""

    list_display = ["id", "device_id", "received_at", "attempts", "error"]
    fields = ["device_id", "target", "received_at", "state", "attempts", "error"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LandedBatch]:
        """List quarantined batches only: the others are many, and nothing is wrong with them."""
        return super().get_queryset(request).filter(state=LandingState.QUARANTINED)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Only devices send."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: LandedBatch | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nothing is edited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LandedBatch | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nothing is deleted by hand."""
        return False
