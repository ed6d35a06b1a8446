"""A model without the data of its large weights, for tools that read the graph and copy all that they are given.

The checker, the shape inference and the version converter of onnx each make three or more copies of a model. None of them reads the
numbers of a weight; they read short constants, such as the shape of a Reshape.
"""

import onnx

from registry.compression.intake.tensors import count_elements

_SHORT_ELEMENTS = 1024


def make(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose large initializers have type and shape, and no data."""
    light = onnx.ModelProto(ir_version=model.ir_version)
    light.opset_import.extend(model.opset_import)
    light.functions.extend(model.functions)
    graph, source = light.graph, model.graph
    graph.name = source.name
    graph.node.extend(source.node)
    graph.input.extend(source.input)
    graph.output.extend(source.output)
    graph.value_info.extend(source.value_info)
    graph.sparse_initializer.extend(source.sparse_initializer)
    for tensor in source.initializer:
        if count_elements(tensor) <= _SHORT_ELEMENTS:
            graph.initializer.append(tensor)
        else:
            graph.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    return light
