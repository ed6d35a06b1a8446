"""Versions: upload, move through their states, quarantine, delete."""

from typing import NamedTuple

from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from core import audit
from core.actors import Actor
from core.errors import Conflict, Invalid
from registry import jobs, names
from registry.baselines import verbs as baselines
from registry.compression.child_tasks.messages import Inspection
from registry.models import Blob, ModelVersion, RegisteredModel
from registry.states import JobKind, JobStatus, VariantStatus, VersionStatus, sources_of
from registry.storage import blobs
from registry.version_numbers import VersionNumber
from registry.versions import completion, dependents, queries, registered_models, uploads, variants
from registry.versions.completion import Attempted, TargetOutcome
from registry.versions.uploads import CheckedUpload, Upload

MAX_NUMBER_LENGTH = ModelVersion._meta.get_field("number").max_length or 0  # noqa: SLF001 - Django's documented API


class VersionExists(Conflict):
    """The number is taken by other bytes."""

    code = "version_exists"


class Taken(NamedTuple):
    """The version that an upload led to."""

    version: ModelVersion
    is_new: bool
    # The fields of the upload that differ from an existing version and did not change it.
    ignored: list[str] = []


def create(slug: str, *, number: str, upload: Upload, actor: Actor) -> Taken:
    """Take an upload. A model that does not exist yet is created.

    1. quick checks; only text files are parsed, for ONNX files are opened in the sandbox only
    2. the same number with the same bytes is the existing version: it gets the targets that are new, and the answer names
       what else was different and ignored; a rejected version is replaced
    3. store the bytes, then write model, version, baseline and the verifying job in one transaction

    Raises:
        Invalid: A name, number, target, metadata or file cannot be used; the field is named.
        VersionExists: The number is taken by other bytes.
    """
    names.check_model_slug(slug)
    _check_number(number)
    given = uploads.check(upload)
    existing = ModelVersion.objects.filter(model__slug=slug, number=number).first()
    if existing is not None and _is_settled(existing, given):
        return _take_again(existing, given, actor=actor)
    kept = [blobs.keep(path) for path in given.files]
    with transaction.atomic():
        model, _ = registered_models.find_or_create(slug, actor=actor)
        # The lock on the model orders uploads of the same number at the same time.
        model = RegisteredModel.objects.select_for_update().get(pk=model.pk)
        existing = ModelVersion.objects.filter(model=model, number=number).first()
        if existing is not None and _is_settled(existing, given):
            return _take_again(existing, given, actor=actor)
        if existing is not None:
            delete(existing, actor=actor)
        return Taken(_create(model, number, source=kept[0], given=given, actor=actor), is_new=True)


@transaction.atomic
def begin_building(version: ModelVersion, *, cleaned: Blob, inspection: Inspection) -> None:
    """Keep what the inspection found out about the source, and queue a build per requested target."""
    locked = _lock(version)
    locked.status, locked.status_message = VersionStatus.BUILDING, ""
    locked.cleaned, locked.inspection = cleaned, inspection.to_json()
    locked.inputs, locked.outputs = inspection.inputs, inspection.outputs
    _move(version, VersionStatus.BUILDING)
    locked.save(update_fields=["status_message", "cleaned", "inspection", "inputs", "outputs"])
    variants.queue_builds(locked, locked.targets)


@transaction.atomic
def reject(version: ModelVersion, *, reason: str) -> None:
    """Refuse the version for good; its page shows the reason."""
    _lock(version)
    _move(version, VersionStatus.REJECTED, status_message=reason)


@transaction.atomic
def settle(version: ModelVersion) -> None:
    """Make the version READY or REJECTED once no requested target has an open job; until then say which work was stopped."""
    locked = _lock(version)
    if locked.status == VersionStatus.VERIFYING:
        stopped = locked.jobs.filter(status=JobStatus.STOPPED).values_list("progress", flat=True).first()
        message = f"The check of the upload was stopped, and can be tried again. {stopped}" if stopped else ""
        ModelVersion.objects.filter(pk=version.pk).update(status_message=message)
    if locked.status != VersionStatus.BUILDING:
        return
    outcome, reason = completion.decide(_outcomes(locked))
    if outcome == VersionStatus.READY:
        _move(version, VersionStatus.READY, ready_at=timezone.now(), status_message="")
    elif outcome == VersionStatus.REJECTED:
        _move(version, VersionStatus.REJECTED, status_message=reason)
    else:
        ModelVersion.objects.filter(pk=version.pk).update(status_message=reason)


@transaction.atomic
def quarantine(version: ModelVersion, *, reason: str, actor: Actor) -> None:
    """Never offer the version again. A second quarantine keeps the first reason."""
    rows = ModelVersion.objects.filter(pk=version.pk, quarantined_at=None)
    if rows.update(quarantined_at=timezone.now(), quarantine_reason=reason):
        audit.record(actor, action="quarantine", object_type="version", object_id=version, after={"reason": reason})
    version.refresh_from_db(fields=["quarantined_at", "quarantine_reason"])


@transaction.atomic
def delete(version: ModelVersion, *, actor: Actor) -> None:
    """Delete a version that nothing needs, with its variants, jobs and baselines. The blobs stay in the store.

    Raises:
        VersionInUse: With the list of the dependents.
        UnknownModel: or ``UnknownVersion``: Another caller deleted it meanwhile.
    """
    # Lock the model first, as every act does that begins to use a version: the act comes before this one, or finds no version.
    registered_models.lock(version.model.slug)
    version = queries.get_version(version.model.slug, version.number)
    _lock(version)
    dependents.check_unused(version)
    name, digest, status = str(version), version.source_id, version.status
    try:
        version.delete()
    except ProtectedError as error:
        raise dependents.refusal(version, dependents=dependents.of_protected(error)) from error
    before = {"sha256": digest, "status": status}
    audit.record(actor, action="delete", object_type="version", object_id=name, before=before)


def _check_number(number: str) -> None:
    if len(number) > MAX_NUMBER_LENGTH:
        raise Invalid.field("version", f"must have at most {MAX_NUMBER_LENGTH} characters.")
    VersionNumber.parse(number)


def _is_settled(existing: ModelVersion, given: CheckedUpload) -> bool:
    """Say whether the existing version answers this upload; False if it was rejected and this upload replaces it.

    Raises:
        VersionExists: Neither.
    """
    if existing.status == VersionStatus.REJECTED:
        # With other samples, targets or limits, the same model may pass.
        return given.is_same_as(existing)
    if existing.source_id != given.sha256:
        message = f"{existing} exists with other bytes; give the new ones a new version number."
        raise VersionExists(message, sha256=existing.source_id, errors=[{"field": "version", "message": message}])
    return True


def _take_again(existing: ModelVersion, given: CheckedUpload, *, actor: Actor) -> Taken:
    ignored = given.list_ignored(existing)
    _mend(existing, given)
    if (added := given.list_new_targets(existing)) and "targets" not in ignored:
        existing = variants.add_targets(existing, added, actor=actor)
    return Taken(existing, is_new=False, ignored=ignored)


def _mend(version: ModelVersion, given: CheckedUpload) -> None:
    """Store the version's own files again, which replaces damaged copies, and start the work again that stopped over them."""
    own = {version.source_id, version.calibration_id, version.evaluation_id}
    digests = (given.sha256, given.calibration_sha256, given.evaluation_sha256)
    for path, digest in zip(given.files, filter(None, digests), strict=True):
        if digest in own:
            blobs.keep(path)
    for job in version.jobs.filter(status__in={JobStatus.STOPPED, JobStatus.QUEUED}, cancelled_at=None):
        jobs.restart(job)
    settle(version)


def _create(model: RegisteredModel, number: str, *, source: Blob, given: CheckedUpload, actor: Actor) -> ModelVersion:
    version = ModelVersion.objects.create(
        model=model,
        number=number,
        source=source,
        calibration_id=given.calibration_sha256,
        evaluation_id=given.evaluation_sha256,
        targets=given.targets,
        preset=given.preset,
        budget=given.budget,
        metadata=given.metadata,
        created_by=str(actor),
    )
    if given.statistics is not None:
        baselines.create(version, statistics=given.statistics, source="upload", actor=actor, came_with_version=True)
    after = {"sha256": source.sha256, "targets": given.targets}
    audit.record(actor, action="upload", object_type="version", object_id=version, after=after)
    jobs.queue(version, kind=JobKind.VERIFY)
    return version


def _lock(version: ModelVersion) -> ModelVersion:
    """Lock the version's row, so that builds that end at the same time see each other's results."""
    return ModelVersion.objects.select_for_update(of=("self",)).select_related("model").get(pk=version.pk)


def _move(version: ModelVersion, status: VersionStatus, **values: object) -> None:
    rows = ModelVersion.objects.filter(pk=version.pk, status__in=sources_of(status))
    if not rows.update(status=status, **values):
        raise Conflict(f"{version} cannot become {status} now.")


def _outcomes(version: ModelVersion) -> list[TargetOutcome]:
    rows = list(version.jobs.exclude(status=JobStatus.DONE))
    open_targets = {job.target for job in rows if job.is_open}
    stopped = {job.target: job.progress for job in rows if not job.is_open}
    attempts = list(version.variants.order_by("rank").values_list("target", "recipe", "status", "reason"))
    return [
        TargetOutcome(
            target=target,
            is_open=target in open_targets,
            stopped=stopped.get(target, ""),
            attempts=tuple(
                Attempted(recipe, VariantStatus(status), reason)
                for name, recipe, status, reason in attempts
                if name == target
            ),
        )
        for target in version.targets
    ]
