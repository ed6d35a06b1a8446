"""The input of a recipe, and the way to say that the recipe does not apply."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import onnx

from registry.compression.arrays import Array
from registry.compression.calibration.samples import Samples
from registry.compression.model_task import ModelTask

# Takes the name of a step ("calibrating") and the part of the step that is done, 0 to 1, or None where nobody can tell.
Report = Callable[[str, float | None], None]
# Takes the outputs of the source and of a file for each inference, and returns a sentence for each quality gate that is missed.
Judge = Callable[[Collection[tuple[Sequence[Array], Sequence[Array]]]], list[str]]


class NotApplicable(Exception):
    """The recipe does not fit this model, or something is missing; the reason has no capital letter and no full stop."""


def report_nothing(_step: str, _done: float | None) -> None:
    """Take a report on the progress, and tell nobody."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A checked and cleaned model with its samples; ``model`` is the recipe's own copy."""

    model: onnx.ModelProto
    samples: Samples | None
    threads: int
    task: ModelTask = field(default_factory=ModelTask)
    # Free extents with a size that one inference succeeded with.
    sizes: dict[str, int] | None = None
    # Nodes that a person wants to keep in floating point.
    exclude_nodes: frozenset[str] = frozenset()
    report: Report = report_nothing
    # The quality gates of the task, for a recipe that chooses between files; None where nobody can tell.
    judge: Judge | None = None
    # Sentences for people about the file that was made; a recipe adds to the list.
    warnings: list[str] = field(default_factory=list)
