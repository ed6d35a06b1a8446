"""The states of versions, variants and jobs, and every move of a version. ``docs/state-machines.md`` is drawn from the table."""

from collections.abc import Mapping, Set
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from console.tones import Tone


class VersionStatus(StrEnum):
    """Where a version stands."""

    VERIFYING = "verifying"
    BUILDING = "building"
    READY = "ready"
    REJECTED = "rejected"
    RETIRED = "retired"


class VariantStatus(StrEnum):
    """Where a variant stands. Rows have outcomes only; the first two are read off the open jobs."""

    QUEUED = "queued"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"
    REJECTED = "rejected"
    NOT_APPLICABLE = "not_applicable"
    # Built in a format that this server cannot run: offered only where a person offers it.
    UNMEASURED = "unmeasured"
    # The calibration samples look unlike those that judge: READY only once a person vouches for them.
    SUSPECT_CALIBRATION = "suspect_calibration"


class JobKind(StrEnum):
    """What a worker is asked to do with a version."""

    VERIFY = "verify"
    BUILD = "build"


class JobStatus(StrEnum):
    """A job waits, runs under a lease, or is over. Its outcome is in the rows of the version and its variants."""

    QUEUED = "queued"
    RUNNING = "running"
    # Canceled by a person, or given up after trouble that says nothing about the model. A person may start it again.
    STOPPED = "stopped"
    DONE = "done"


class BuildStatus(StrEnum):
    """How the build of a target stands, for people and programs."""

    QUEUED = "queued"
    BUILDING = "building"
    READY = "ready"
    # It is over, and the target has no READY variant.
    FAILED = "failed"
    STOPPED = "stopped"


_V = VersionStatus

VERSION_MOVES: Final[Mapping[VersionStatus, frozenset[VersionStatus]]] = MappingProxyType(
    {
        _V.VERIFYING: frozenset({_V.BUILDING, _V.REJECTED}),
        _V.BUILDING: frozenset({_V.READY, _V.REJECTED}),
        _V.READY: frozenset({_V.RETIRED}),
        _V.REJECTED: frozenset(),
        _V.RETIRED: frozenset(),
    }
)
# The inspection of the source has not ended, so no target has a job yet.
UNVERIFIED: Final = frozenset({_V.VERIFYING})
# A target that is added to such a version is built at once.
VERIFIED: Final = frozenset({_V.BUILDING, _V.READY})
# No variant is built of such a version any more.
CLOSED: Final = frozenset({_V.REJECTED, _V.RETIRED})

# A worker does such a job now, or will without a person's help.
OPEN_JOBS: Final = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})

VARIANT_OUTCOMES: Final = (
    VariantStatus.READY,
    VariantStatus.FAILED,
    VariantStatus.REJECTED,
    VariantStatus.NOT_APPLICABLE,
    VariantStatus.UNMEASURED,
    VariantStatus.SUSPECT_CALIBRATION,
)
# Devices may be given these: READY ones by every act, unmeasured ones only where a person offers them.
OFFERABLE_VARIANTS: Final = frozenset({VariantStatus.READY, VariantStatus.UNMEASURED})
UNFINISHED_VARIANTS: Final = frozenset(VariantStatus) - frozenset(VARIANT_OUTCOMES)

# How the states look on a page; a state that is left out is quiet.
TONES: Final[Mapping[str, Tone]] = {
    _V.VERIFYING: Tone.BUSY,
    _V.BUILDING: Tone.BUSY,
    _V.READY: Tone.GOOD,
    VariantStatus.FAILED: Tone.BAD,
    _V.REJECTED: Tone.BAD,
    VariantStatus.SUSPECT_CALIBRATION: Tone.WARN,
    VariantStatus.UNMEASURED: Tone.WARN,
    "quarantined": Tone.WARN,
}


def sources_of(status: VersionStatus) -> Set[VersionStatus]:
    """Return the states from which a version may move to ``status``."""
    return {before for before, after in VERSION_MOVES.items() if status in after}
