"""Why an attempt ends: the classes that reports carry in `detail.class`."""

import enum

from edge_agent.errors import AgentError


class Failure(enum.StrEnum):
    """A reason that an operator can count by."""

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
    """The agent was asked to stop in the middle of a step; the next run takes it up again."""

    code = "interrupted"
