"""The result of one inference."""

import dataclasses
from typing import Any

from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inference:
    """The result of one call; `class_id`, `confidence` and `label` are those of its first sample."""

    class_ids: list[int]
    confidences: list[float]
    latency_ms: float
    outputs: dict[str, NDArray[Any]]
    model: str
    model_version: str
    provider: str
    labels: tuple[str, ...] = ()

    @property
    def class_id(self) -> int:
        """The class of the first sample, or -1 where the model is no classifier."""
        return self.class_ids[0]

    @property
    def confidence(self) -> float:
        """The probability of that class."""
        return self.confidences[0]

    @property
    def label(self) -> str | None:
        """The name of that class; None where the manifest has no names."""
        return self.labels[self.class_id] if 0 <= self.class_id < len(self.labels) else None
