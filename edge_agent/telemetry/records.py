"""The record of one inference, as the wire contract has it."""

from typing import TypedDict


class InferenceRecord(TypedDict):
    """One sample of one inference. `timestamp` is in epoch seconds, `request_hash` the SHA-256 of the input arrays."""

    timestamp: float
    latency_ms: float
    model_id: str
    model_version: str
    request_hash: str
    provider: str
    class_id: int
    confidence: float
