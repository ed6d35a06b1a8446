"""The bodies that the agent sends, one type each; the wire contract explains the fields."""

from typing import NotRequired, TypedDict

from edge_agent.machine.capabilities import Capabilities
from edge_agent.machine.resources import Resources


class EnrollmentBody(TypedDict):
    """`POST /api/devices/enroll`."""

    device_id: str
    enrollment_key: str
    target: str
    labels: dict[str, str]
    capabilities: Capabilities
    nonce: str


class Running(TypedDict):
    """One model in use on the device."""

    model: str
    version: str
    sha256: str


class ReportedResources(Resources):
    """The machine's resources, and the counters of its telemetry beside them."""

    telemetry: dict[str, int]


class HeartbeatBody(TypedDict):
    """`POST /api/devices/self/heartbeat`; `clock` is the device's own time in epoch seconds."""

    agent_version: str
    running: list[Running]
    capabilities: Capabilities
    resources: ReportedResources
    clock: float


class ReasonDetail(TypedDict, total=False):
    """Why the agent took a step, as a sentence."""

    reason: str


# Written as a call, because `class` is no name in Python.
FailureDetail = TypedDict("FailureDetail", {"class": str, "message": str}, total=False)


class RollBackDetail(FailureDetail):
    """Why a model was rolled back, and the version that runs instead (None where none is left)."""

    restored: str | None


class SelfTestDetail(TypedDict):
    """The findings of a self-test that passed; `provider_fallback` is there only when it is true."""

    active_providers: list[str]
    wanted_providers: list[str]
    latency_p50_ms: float
    provider_fallback: NotRequired[bool]


ReportDetail = ReasonDetail | FailureDetail | RollBackDetail | SelfTestDetail


class ReportBody(TypedDict):
    """`POST /api/devices/self/reports`: one step of one attempt. `seq` orders the reports of a model."""

    attempt_id: str
    seq: int
    state: str
    model: str
    version: str
    sha256: str
    detail: ReportDetail
    active_providers: list[str]
    release_counter: int
