"""Reads of models and versions, for pages and answers."""

from collections.abc import Iterable
from typing import NoReturn

from django.db.models import Count, F, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce

from core.errors import Missing
from registry.models import Baseline, Job, ModelVersion, RegisteredModel, Variant
from registry.states import VersionStatus


class UnknownModel(Missing):
    """No model has that slug."""

    code = "unknown_model"


class UnknownVersion(Missing):
    """The model has no such version."""

    code = "unknown_version"


def get_model(slug: str) -> RegisteredModel:
    """Return a model.

    Raises:
        UnknownModel: There is none.
    """
    found = RegisteredModel.objects.filter(slug=slug).first()
    return found if found is not None else _refuse_model(slug)


def get_version(slug: str, number: str) -> ModelVersion:
    """Return a version with its model and blobs.

    Raises:
        UnknownModel: There is no such model.
        UnknownVersion: The model has no such version.
    """
    rows = ModelVersion.objects.select_related("model", "source", "calibration", "cleaned")
    found = rows.filter(model__slug=slug, number=number).first()
    return found if found is not None else _refuse_version(slug, number)


def list_models() -> QuerySet[RegisteredModel]:
    """Return all models with ``version_count`` and ``ready_count``.

    Each is counted for itself, so that a page of models costs no join with the versions of all others.
    """
    versions = ModelVersion.objects.filter(model=OuterRef("pk"))
    return RegisteredModel.objects.annotate(
        version_count=_count(versions), ready_count=_count(versions.filter(status=VersionStatus.READY))
    ).order_by("slug")


def get_counted_model(slug: str) -> RegisteredModel:
    """Return one model as ``list_models`` does.

    Raises:
        UnknownModel: There is none.
    """
    found = list_models().filter(slug=slug).first()
    return found if found is not None else _refuse_model(slug)


def list_versions(slug: str) -> QuerySet[ModelVersion]:
    """Return the versions of a model, with everything that ``registry.versions.details`` shows, in a fixed number of queries.

    Raises:
        UnknownModel: There is none.
    """
    return with_variants(ModelVersion.objects.filter(model=get_model(slug)))


def list_offerable_numbers(model: RegisteredModel) -> list[str]:
    """Return the numbers of the versions that devices may be sent to, newest first."""
    rows = model.versions.filter(status=VersionStatus.READY, quarantined_at=None)
    return list(rows.order_by("-pk").values_list("number", flat=True))


def list_offerable_by_model(slugs: Iterable[str]) -> dict[str, list[str]]:
    """Return the same numbers for several models, by their slugs."""
    rows = ModelVersion.objects.filter(model__slug__in=list(slugs), status=VersionStatus.READY, quarantined_at=None)
    found: dict[str, list[str]] = {}
    for slug, number in rows.order_by("-pk").values_list("model__slug", "number"):
        found.setdefault(slug, []).append(number)
    return found


def count_baseline_samples(model: RegisteredModel) -> dict[str, int]:
    """Return how many samples the baseline in force has, by version number; versions without one are left out."""
    rows = Baseline.objects.filter(version__model=model).order_by("version_id", "-created_at")
    return dict(rows.distinct("version_id").values_list("version__number", "samples"))


def with_variants(rows: QuerySet[ModelVersion]) -> QuerySet[ModelVersion]:
    """Prefetch variants, offers, and the newest job of each target and preset (as ``newest_jobs``).

    Of the long inspection, only the task and what is known of the samples are read, as ``guessed_task``, ``sample_facts``
    (the CalibrationSummary) and ``intake_warnings``.
    """
    key = ("version_id", "kind", "target", "preset")
    newest_jobs = Job.objects.order_by(*key, "-pk").distinct(*key).defer("log")
    rows = rows.annotate(
        guessed_task=F("inspection__task"),
        sample_facts=F("inspection__calibration"),
        intake_warnings=F("inspection__warnings"),
    ).defer("inspection")
    return rows.select_related("model", "source").prefetch_related(
        Prefetch("variants", Variant.objects.select_related("file")),
        "offers",
        Prefetch("jobs", newest_jobs, to_attr="newest_jobs"),
    )


def get_shown_version(slug: str, number: str) -> ModelVersion:
    """Return one version as ``list_versions`` does.

    Raises:
        UnknownModel: There is no such model.
        UnknownVersion: The model has no such version.
    """
    found = with_variants(ModelVersion.objects.filter(model__slug=slug, number=number)).first()
    return found if found is not None else _refuse_version(slug, number)


def get_inspected_version(slug: str, number: str) -> ModelVersion:
    """Return one version as ``get_shown_version`` does, with its inspection.

    Raises:
        UnknownModel: There is no such model.
        UnknownVersion: The model has no such version.
    """
    rows = with_variants(ModelVersion.objects.filter(model__slug=slug, number=number))
    found = rows.defer(None).first()
    return found if found is not None else _refuse_version(slug, number)


def _count(rows: QuerySet[ModelVersion]) -> Coalesce:
    per_model = rows.order_by().values("model").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(per_model), 0)


def _refuse_model(slug: str) -> NoReturn:
    raise UnknownModel(f"There is no model {slug[:80]!r}.")


def _refuse_version(slug: str, number: str) -> NoReturn:
    model = get_model(slug)
    raise UnknownVersion(f"The model {model.slug} has no version {number[:80]!r}.")
