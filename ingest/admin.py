"""The web admin of ingest: the batches that could not be counted, read-only."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from core.roles import Area
from core.web_admin.by_role import RowsByRole
from ingest.models import LandedBatch, LandingState


@admin.register(LandedBatch)
class LandedBatchAdmin(RowsByRole[LandedBatch]):
    """Quarantined batches, and why."""

    area = Area.FLEET
    list_display = ["id", "device_id", "received_at", "attempts", "error"]
    fields = ["device_id", "target", "received_at", "state", "attempts", "error"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LandedBatch]:
        """List quarantined batches only: the others are many, and nothing is wrong with them."""
        return super().get_queryset(request).filter(state=LandingState.QUARANTINED)
