"""The input of a recipe, and the way to say that the recipe does not apply."""

from dataclasses import dataclass

import onnx

from registry.compression.calibration.samples import Samples


class NotApplicable(Exception):
    """The recipe does not fit this model, or something is missing; the reason has no capital letter and no full stop."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A checked and cleaned model with its samples; ``model`` is the recipe's own copy."""

    model: onnx.ModelProto
    samples: Samples | None
    threads: int
