"""Write the audit trail: who did what to which object."""

from core.actors import Actor
from core.models import AuditEntry


def record(
    actor: Actor,
    *,
    action: str,
    object_type: str,
    object_id: object,
    before: object | None = None,
    after: object | None = None,
) -> None:
    """Append one entry in the caller's transaction, so that a change is never stored without its entry, nor the reverse."""
    AuditEntry.objects.create(
        actor=str(actor), action=action, object_type=object_type, object_id=str(object_id), before=before, after=after
    )
