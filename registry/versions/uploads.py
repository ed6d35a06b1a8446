"""What an upload brings: the checks that parse no model, and how an upload differs from a version that exists."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from core.errors import Invalid
from registry.baselines import verbs as baselines
from registry.baselines.histograms import Statistics
from registry.compression.targets import presets
from registry.models import ModelVersion
from registry.states import CLOSED
from registry.versions import model_metadata, variants

# The fields of an upload that may differ from those of an existing version without changing the version.
IGNORABLE: Final = frozenset({"calibration", "evaluation", "baseline", "metadata", "budget", "targets", "preset"})


class PresetNotBuilt(Invalid):
    """The preset is known, and no recipe of this release builds it."""

    code: ClassVar[str] = "preset_not_built"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """The content of a new version. The files belong to the caller and are not changed."""

    file: Path
    calibration: Path | None = None
    # Samples that judge the variants.
    evaluation: Path | None = None
    baseline: Path | None = None
    # Any JSON; the checks refuse everything but an object.
    metadata: object = field(default_factory=dict)
    budget: object = field(default_factory=dict)
    targets: Sequence[str] = ()
    preset: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedUpload:
    """An upload after the checks that need no parsing."""

    upload: Upload
    metadata: object
    budget: object
    targets: list[str]
    preset: str
    statistics: Statistics | None
    sha256: str
    calibration_sha256: str | None
    evaluation_sha256: str | None

    @property
    def files(self) -> list[Path]:
        """The binary files."""
        return [path for path in (self.upload.file, self.upload.calibration, self.upload.evaluation) if path]

    def is_same_as(self, version: ModelVersion) -> bool:
        """Whether the version came from the same files and the same wishes, so that building it again changes nothing."""
        mine = (self.sha256, self.calibration_sha256, self.evaluation_sha256, self.targets, self.preset, self.budget)
        theirs = (
            version.source_id, version.calibration_id, version.evaluation_id, version.targets, version.preset, version.budget,
        )  # fmt: skip
        return mine == theirs and self.metadata == version.metadata

    def list_new_targets(self, version: ModelVersion) -> list[str]:
        """Return the targets that the upload names and the version does not have."""
        return [name for name in self.targets if self.upload.targets and name not in version.targets]

    def list_ignored(self, version: ModelVersion) -> list[str]:
        """Return the fields that differ from those of an existing version, and cannot change it."""
        given = self.upload
        differs = {
            "calibration": self.calibration_sha256 not in {None, version.calibration_id},
            "evaluation": self.evaluation_sha256 not in {None, version.evaluation_id},
            "baseline": self.statistics is not None and not _came_with(version, self.statistics),
            "metadata": bool(given.metadata) and self.metadata != version.metadata,
            "budget": bool(given.budget) and self.budget != version.budget,
            "targets": version.status in CLOSED and bool(self.list_new_targets(version)),
            "preset": given.preset not in {None, version.preset},
        }
        return [name for name, is_ignored in differs.items() if is_ignored]


def check(upload: Upload) -> CheckedUpload:
    """Check an upload without parsing its models and samples, for these are opened in the sandbox only.

    Raises:
        Invalid: A part cannot be used; the field is named.
        PresetNotBuilt: This release builds no variant by that preset.
    """
    files = {"file": upload.file, "calibration": upload.calibration, "evaluation": upload.evaluation}
    for name, path in {**files, "baseline": upload.baseline}.items():
        if path is not None and path.stat().st_size == 0:
            raise Invalid.field(name, "is empty.")
    return CheckedUpload(
        upload=upload,
        metadata=model_metadata.check(upload.metadata),
        budget=model_metadata.check_budget(upload.budget),
        targets=variants.check_targets(upload.targets),
        preset=check_preset(upload.preset),
        statistics=baselines.read_statistics(upload.baseline) if upload.baseline else None,
        sha256=_sha256(upload.file),
        calibration_sha256=_sha256(upload.calibration) if upload.calibration else None,
        evaluation_sha256=_sha256(upload.evaluation) if upload.evaluation else None,
    )


def check_preset(name: str | None) -> str:
    """Return the preset; the default if none is named.

    Raises:
        PresetNotBuilt: A later release builds it.
        Invalid: No preset has that name.
    """
    built = ", ".join(presets.list_built())
    if name in presets.list_not_built():
        message = f'The preset "{name}" is not built in this release; there are {built}.'
        raise PresetNotBuilt(message, errors=[{"field": "preset", "message": message}])
    if name is not None and name not in presets.PRESETS:
        raise Invalid.field("preset", f"must be one of {built}.")
    return name or presets.DEFAULT_PRESET


def _came_with(version: ModelVersion, statistics: Statistics) -> bool:
    found = baselines.for_manifest(version)
    return found is not None and all(found.get(name) == value for name, value in statistics.items())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
