"""Read rollouts and their attempts for the API and the pages."""

from collections.abc import Sequence

from django.db.models import QuerySet

from fleet.models import Deployment, Rollout


def list_rollouts(*, model: str | None = None, state: str | None = None) -> QuerySet[Rollout]:
    """Return rollouts, newest first, with all names that a page shows."""
    rows = Rollout.objects.select_related("channel__model", "version__model", "previous_version").order_by(
        "-created_at"
    )
    if model:
        rows = rows.filter(channel__model__slug=model)
    if state:
        rows = rows.filter(state=state)
    return rows


def list_attempts_under(rollout: Rollout) -> Sequence[Deployment]:
    """Return the newest attempt of each device under a rollout, the latest change first."""
    newest = Deployment.objects.filter(rollout=rollout).order_by("device_id", "-offered_at").distinct("device_id")
    rows = newest.select_related("device", "variant")
    return sorted(rows, key=lambda row: row.updated_at, reverse=True)
