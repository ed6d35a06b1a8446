"""Opens a model by every check that needs no inference."""

from pathlib import Path

import onnx

from registry.compression.intake import cleaning, parsing, rules, tool_messages
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox.limits import Limits


def open_checked(source: Path, *, limits: Limits) -> onnx.ModelProto:
    """Return the cleaned model. Every task opens its model here, since a file between two tasks is not trusted either.

    Raises:
        ModelRefused: The first rule that the model breaks.
    """
    model = parsing.parse(source, limits=limits)
    rules.check(model, limits=limits)
    try:
        onnx.checker.check_model(model, full_check=True)
        return cleaning.raise_opset(cleaning.clean(model))
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, TypeError) as error:
        message = f"The checker of ONNX refuses the model: {tool_messages.tidy(str(error))}"
        raise ModelRefused(message, reason="checker") from error
