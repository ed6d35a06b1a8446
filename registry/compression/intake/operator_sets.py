"""The versions that a file asks of a runtime: its default operator set and its IR version."""

from typing import NamedTuple

import onnx
from onnx import TensorProto, version_converter

from registry.compression.intake import cleaning, skeleton, walking

# The first IR version that has each of these (onnx.proto, enum Version).
_IR_OF_TYPES: dict[int, int] = {
    TensorProto.FLOAT8E4M3FN: 9, TensorProto.FLOAT8E4M3FNUZ: 9, TensorProto.FLOAT8E5M2: 9, TensorProto.FLOAT8E5M2FNUZ: 9,
    TensorProto.UINT4: 10, TensorProto.INT4: 10, TensorProto.FLOAT4E2M1: 11,
}  # fmt: skip
_IR_WITH_FUNCTIONS = 8
_IR_WITH_FREE_INITIALIZERS = 4
_IR_OF_OPERATOR_SETS = 3
# Up to this operator set Resize and Upsample place pixels in one way only, which later ones call asymmetric and floor.
_LAST_PLAIN_RESIZE = 10


class Versions(NamedTuple):
    """What a runtime must know to load a file."""

    opset: int
    ir_version: int


def read(model: onnx.ModelProto) -> Versions:
    """Return the versions that the file declares."""
    return Versions(cleaning.get_opset(model), model.ir_version)


def find_lowest_ir(model: onnx.ModelProto) -> int:
    """Return the lowest IR version that can express the model."""
    fed = {value.name for value in model.graph.input}
    lowest = [_IR_OF_OPERATOR_SETS]
    if any(tensor.name not in fed for tensor in model.graph.initializer):
        lowest.append(_IR_WITH_FREE_INITIALIZERS)
    if model.functions:
        lowest.append(_IR_WITH_FUNCTIONS)
    lowest += [_IR_OF_TYPES.get(tensor.data_type, 0) for _, tensor in walking.iterate_tensors(model)]
    values = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    lowest += [_IR_OF_TYPES.get(value.type.tensor_type.elem_type, 0) for value in values]
    return max(lowest)


def lower_ir_version(model: onnx.ModelProto, *, at_most: int) -> bool:
    """Lower the IR version in place to what an older runtime reads; False where the model needs a newer one."""
    if find_lowest_ir(model) > at_most:
        return False
    model.ir_version = min(model.ir_version, at_most)
    return True


def raise_opset(model: onnx.ModelProto) -> bool:
    """Convert the graph in place to operator set 13; False where it is as new, or where the converter of onnx cannot.

    The converter makes mistakes, so the caller compares the answers of both graphs before it uses the new one.
    """
    before = cleaning.get_opset(model)
    if not 0 < before < cleaning.MINIMUM_OPSET:
        return False
    try:
        raised = version_converter.convert_version(skeleton.make(model), cleaning.MINIMUM_OPSET)
    except (RuntimeError, ValueError):
        return False
    if before <= _LAST_PLAIN_RESIZE:
        _place_pixels_as_before(raised)
    _adopt(model, raised)
    cleaning.clean(model)
    return True


def _place_pixels_as_before(raised: onnx.ModelProto) -> None:
    for node in walking.iterate_nodes(raised):
        if node.op_type == "Resize":
            kept = [
                item for item in node.attribute if item.name not in ("coordinate_transformation_mode", "nearest_mode")
            ]
            del node.attribute[:]
            node.attribute.extend(kept)
            node.attribute.append(onnx.helper.make_attribute("coordinate_transformation_mode", "asymmetric"))
            node.attribute.append(onnx.helper.make_attribute("nearest_mode", "floor"))


def _adopt(model: onnx.ModelProto, raised: onnx.ModelProto) -> None:
    """Take all but the weights from ``raised``, whose large weights have no data."""
    for field in ("node", "value_info"):
        kept = getattr(model.graph, field)
        del kept[:]
        kept.extend(getattr(raised.graph, field))
    present = {tensor.name for tensor in model.graph.initializer}
    model.graph.initializer.extend(tensor for tensor in raised.graph.initializer if tensor.name not in present)
    del model.opset_import[:]
    model.opset_import.extend(raised.opset_import)
