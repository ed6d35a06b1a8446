"""Retire a version: it stays readable, and no device is sent to it any more."""

from typing import ClassVar

from django.db import transaction

from core import audit
from core.actors import Actor
from core.errors import Conflict
from registry import jobs
from registry.models import ModelVersion
from registry.states import OPEN_JOBS, VersionStatus, sources_of
from registry.versions import dependents, queries, registered_models


class CannotRetire(Conflict):
    """Only READY versions retire. Others are deleted, or still built."""

    code: ClassVar[str] = "cannot_retire"


@transaction.atomic
def retire(version: ModelVersion, *, reason: str, actor: Actor) -> None:
    """Retire a READY version that nothing uses; its open builds are canceled. Retiring it again changes nothing.

    Raises:
        VersionInUse: A channel, an unfinished rollout, a pin or the last report of a device uses it.
        CannotRetire: It is not READY.
        UnknownModel: or ``UnknownVersion``: Another caller deleted it meanwhile.
    """
    # Lock the model first, as every act does that begins to use a version (``registry.versions.verbs.delete``).
    registered_models.lock(version.model.slug)
    version = queries.get_version(version.model.slug, version.number)
    if version.status == VersionStatus.RETIRED:
        return
    dependents.check_unused(version)
    rows = ModelVersion.objects.filter(pk=version.pk, status__in=sources_of(VersionStatus.RETIRED))
    if not rows.update(status=VersionStatus.RETIRED, status_message=reason):
        raise CannotRetire(f"{version} is {version.status}; only READY versions retire.")
    for job in version.jobs.filter(status__in=OPEN_JOBS):
        jobs.cancel(job, reason="The version was retired.")
    after = {"status": VersionStatus.RETIRED, "reason": reason}
    audit.record(
        actor, action="retire", object_type="version", object_id=version, before={"status": version.status}, after=after
    )
