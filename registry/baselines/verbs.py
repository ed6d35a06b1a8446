"""Baselines: the normal output of a version, made from recorded inferences or from counts."""

import uuid
from pathlib import Path
from typing import Literal

from django.db import transaction

from core import audit
from core.actors import Actor
from core.errors import Invalid
from registry.baselines import histograms
from registry.baselines.histograms import NamedStatistics, Statistics
from registry.baselines.inference_records import UnreadableRecords, read_json_lines
from registry.manifests.parts import canonical_json
from registry.models import Baseline, ModelVersion
from registry.storage import blobs

MAX_FILE_BYTES = 64 * 1024 * 1024
FILENAME = "baseline.json"


class UnusableBaseline(Invalid):
    """The file has no recorded inference, or it is too large."""

    code = "unusable_baseline"


def read_statistics(path: Path) -> Statistics:
    """Count a file of recorded inferences, one JSON object per line, into statistics.

    Raises:
        UnreadableRecords: A line is no record.
        UnusableBaseline: The file has no record, or is larger than 64 MiB.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UnusableBaseline.field("baseline", f"must have at most {MAX_FILE_BYTES} bytes.")
    try:
        with path.open("rb") as lines:
            statistics = histograms.statistics_of(read_json_lines(lines))
    except UnreadableRecords as error:
        error.extra["errors"] = [{"field": "baseline", "message": error.detail}]
        raise
    if not statistics["samples"]:
        raise UnusableBaseline.field("baseline", "has no recorded inference.")
    return statistics


def create(
    version: ModelVersion,
    *,
    statistics: Statistics,
    source: Literal["upload", "telemetry"],
    actor: Actor,
    came_with_version: bool = False,
) -> Baseline:
    """Put a baseline in force: statistics as ``registry.baselines.histograms.statistics_of`` gives them.

    The baseline is a row and a blob of its own; the manifests of a READY version stay unchanged.

    Raises:
        UnusableBaseline: It counts no sample.
    """
    if statistics["samples"] < 1:
        raise UnusableBaseline("A baseline needs at least one recorded inference.")
    baseline_id = uuid.uuid4()
    named: NamedStatistics = {**statistics, "id": str(baseline_id)}
    blob = blobs.keep_bytes(canonical_json(named))
    with transaction.atomic():
        baseline = Baseline.objects.create(
            id=baseline_id,
            version=version,
            source=source,
            came_with_version=came_with_version,
            samples=statistics["samples"],
            statistics=named,
            blob=blob,
            created_by=str(actor),
        )
        after = {"id": str(baseline_id), "source": source, "samples": baseline.samples}
        audit.record(actor, action="put_baseline_in_force", object_type="version", object_id=version, after=after)
    return baseline


def in_force(version: ModelVersion) -> Baseline | None:
    """Return the newest baseline, with its blob."""
    return Baseline.objects.select_related("blob").filter(version=version).order_by("-created_at").first()


def for_manifest(version: ModelVersion) -> NamedStatistics | None:
    """Return the statistics that came with the upload. Manifests carry no others."""
    found = Baseline.objects.filter(version=version, came_with_version=True).first()
    return found.statistics if found else None
