"""The reasons for which an attempt ends; reports carry them in `detail.class`."""

import enum

from edge_agent.errors import AgentError


class Failure(enum.StrEnum):
    """A class of failure, coarse enough for an operator to count by."""

    DOWNLOAD_FAILED = "download_failed"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    SIGNATURE_INVALID = "signature_invalid"
    MANIFEST_INVALID = "manifest_invalid"
    INCOMPATIBLE = "incompatible"
    DOWNGRADE = "downgrade"
    TOO_LARGE = "too_large"
    DISK_FULL = "disk_full"
    SELF_TEST_FAILED = "self_test_failed"
    LATENCY_BUDGET = "latency_budget"
    CRASH = "crash"
    PROBATION_FAILED = "probation_failed"
    SUPERSEDED = "superseded"


class UpdateFailed(AgentError):
    """This attempt is over; the last good model stays."""

    code = "update_failed"

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class Interrupted(AgentError):
    """The agent was asked to stop in the middle of a step; its next run does the step again."""

    code = "interrupted"
