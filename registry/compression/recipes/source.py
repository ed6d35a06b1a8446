"""What every recipe is given, and how it says that it has nothing to do here."""

from dataclasses import dataclass

import onnx

from registry.compression.calibration.samples import Samples


class NotApplicable(Exception):
    """The recipe does not fit this model, or lacks what it needs; the reason is a sentence without capital or stop."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A checked and cleaned model with its samples; ``model`` is the recipe's own copy."""

    model: onnx.ModelProto
    samples: Samples | None
    threads: int
