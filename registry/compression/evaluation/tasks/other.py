"""Models whose task nobody knows: integers are compared one by one, and the noise of the floats decides."""

from collections.abc import Sequence
from dataclasses import dataclass

from registry.compression.arrays import Array
from registry.compression.evaluation.results import QualityNumbers
from registry.compression.model_task import ModelTask


@dataclass
class OtherComparison:
    """Running counts over many inferences."""

    task: ModelTask
    _equal: int = 0
    _integers: int = 0

    def add(self, source: Sequence[Array], variant: Sequence[Array], _: Array | None = None) -> None:
        """Count the equal integers and booleans of one inference."""
        for want, got in zip(source, variant, strict=True):
            if want.dtype.kind in "iub":
                self._equal += int((want == got).sum())
                self._integers += want.size

    def summarize(self) -> QualityNumbers:
        """Return the share of equal integers; None where there are none."""
        return {"agreement": self._equal / self._integers if self._integers else None, "metric": None}
