"""Opens a model by every check that needs no inference."""

from dataclasses import dataclass, field
from pathlib import Path

import onnx

from registry.compression.intake import cleaning, interface, parsing, plain_outputs, rules, skeleton, tool_messages
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox.limits import Limits


@dataclass(frozen=True)
class Opened:
    """A checked and cleaned model, and what its owner should know of the cleaning."""

    model: onnx.ModelProto
    warnings: list[str] = field(default_factory=list)


def open_checked(source: Path, *, limits: Limits) -> onnx.ModelProto:
    """Return the cleaned model. Every task opens its model here, since a file between two tasks is not trusted either.

    Raises:
        ModelRefused: The first rule that the model breaks.
    """
    return open_upload(source, limits=limits).model


def open_upload(source: Path, *, limits: Limits) -> Opened:
    """Return the cleaned model with warnings for its owner.

    Raises:
        ModelRefused: The first rule that the model breaks.
    """
    model = parsing.parse(source, limits=limits)
    rules.check(model, limits=limits)
    warnings = plain_outputs.keep_tensors(model)
    interface.check_names(model)
    interface.name_free_extents(model)
    cleaning.prune_opset_imports(model)
    try:
        # From the path: given a model, the checker makes three copies of all weights.
        onnx.checker.check_model(str(source))
        check_shapes(cleaning.clean(model))
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, TypeError) as error:
        message = f"The checker of ONNX refuses the model: {tool_messages.tidy(str(error))}"
        raise ModelRefused(message, reason="checker") from error
    return Opened(model, warnings)


def check_shapes(model: onnx.ModelProto) -> None:
    """Infer every shape. Declared shapes between inputs and outputs that contradict the inferred ones are dropped in place.

    Raises:
        InferenceError: An operator cannot take its inputs.
    """
    try:
        _infer(skeleton.make(model))
    except onnx.shape_inference.InferenceError:
        light = skeleton.make(model)
        del light.graph.value_info[:]
        for value in light.graph.output:
            value.type.tensor_type.ClearField("shape")
        _infer(light)
        del model.graph.value_info[:]
        for value in model.graph.output:
            value.type.tensor_type.ClearField("shape")


def _infer(light: onnx.ModelProto) -> None:
    onnx.shape_inference.infer_shapes(light, check_type=True, strict_mode=True)
