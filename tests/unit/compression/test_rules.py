from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from registry.compression.intake import interface, parsing, rules
from registry.compression.refusal import ModelRefused
from tests.unit.compression import graphs

LIMITS = graphs.LIMITS


def refusal_of(model, **limits):
    with pytest.raises(ModelRefused) as caught:
        rules.check(model, limits=replace(LIMITS, **limits))
    return caught.value


def test_a_plain_cnn_passes():
    rules.check(graphs.small_cnn(), limits=LIMITS)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (graphs.external_data(), "external_data"),
        (graphs.custom_domain(), "operator_domain"),
        (graphs.huge_declared_length(), "tensor_length"),
        (graphs.constant_bomb(10**10), "allocation"),
        (graphs.endless_loop(), "loop_trips"),
        (graphs.nested_ifs(18), "subgraph_depth"),
        (graphs.function_bomb(), "too_many_nodes"),
        (graphs.function_bomb(depth=3, calls=2, is_recursive=True), "function_recursion"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_hostile_graph_is_refused_by_the_name_of_its_rule(model, reason):
    assert refusal_of(model).reason == reason


def test_sixteen_levels_of_subgraphs_are_accepted():
    rules.check(graphs.nested_ifs(16), limits=LIMITS)


@pytest.mark.parametrize(("name", "count"), [("nodes", 3), ("initializers", 2)])
def test_a_graph_larger_than_the_cap_is_refused(name, count):
    assert refusal_of(graphs.small_cnn(), **{name: count}).reason == f"too_many_{name}"


def test_external_data_is_found_inside_a_constant_of_a_branch():
    model = graphs.nested_ifs(2)
    constant = helper.make_node("Constant", [], ["c"], value=graphs.constant("c", np.zeros(2, np.float32)))
    constant.attribute[0].t.data_location = TensorProto.EXTERNAL
    model.graph.node[0].attribute[0].g.node.append(constant)
    assert refusal_of(model).reason == "external_data"


def test_a_nchwc_graph_bound_to_another_host_is_refused():
    model = graphs.custom_domain()
    model.graph.node[0].domain = "com.microsoft.nchwc"
    assert refusal_of(model).reason == "operator_domain"


def test_a_function_that_the_model_brings_itself_is_no_foreign_domain():
    model = graphs.custom_domain()
    body = helper.make_node("Relu", ["a"], ["b"])
    model.functions.append(
        helper.make_function("com.example.evil", "Evil", ["a"], ["b"], [body], [helper.make_opsetid("", 17)])
    )
    rules.check(model, limits=LIMITS)


@pytest.mark.parametrize(
    ("operator", "constants"),
    [
        ("Expand", [np.array([1 << 20, 1 << 20])]),
        ("Tile", [np.array([1 << 30, 4])]),
        ("Range", None),
    ],
)
def test_operators_that_would_allocate_terabytes_are_refused(operator, constants):
    if operator == "Range":
        names, arrays = ["a", "b", "c"], [np.array(0), np.array(1 << 50), np.array(1)]
    else:
        names, arrays = ["x", "a"], constants
    stored = [graphs.constant(name, array) for name, array in zip(names[-len(arrays) :], arrays, strict=True)]
    node = helper.make_node(operator, names, ["y"])
    model = graphs.make(
        [node], inputs=[graphs.value("x", [1, 1])], outputs=[graphs.value("y", None)], initializers=stored
    )
    assert refusal_of(model).reason == "allocation"


@pytest.mark.parametrize(
    "tensor",
    [
        helper.make_tensor("w", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0]),
        helper.make_tensor("w", TensorProto.INT4, [3], [1, 2, 3]),
        helper.make_tensor("w", TensorProto.FLOAT16, [2], [1.0, 2.0]),
        helper.make_tensor("w", TensorProto.STRING, [2], [b"a", b"b"]),
        helper.make_tensor("w", TensorProto.COMPLEX64, [2], [1j, 2j]),
        helper.make_tensor("w", TensorProto.FLOAT, [0], []),
        helper.make_tensor("w", TensorProto.BFLOAT16, [2], b"1234", raw=True),
    ],
    ids=lambda tensor: TensorProto.DataType.Name(tensor.data_type),
)
def test_tensors_of_every_storage_are_measured_right(tensor):
    model = graphs.identity()
    model.graph.initializer.append(tensor)
    rules.check(model, limits=LIMITS)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\x00" * 64, "not_onnx"),
        (b"definitely not protobuf, only prose", "not_onnx"),
        (graphs.small_cnn().SerializeToString()[:-200], "not_onnx"),
        (onnx.ModelProto(ir_version=8).SerializeToString(), "not_onnx"),
    ],
)
def test_what_is_no_onnx_model_is_refused_at_the_parse(tmp_path, content, reason):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelRefused) as caught:
        parsing.parse(path, limits=LIMITS)
    assert caught.value.reason == reason


def test_the_signature_names_free_extents_and_leaves_weights_out():
    model = graphs.small_cnn()
    model.graph.input.append(graphs.value("head", [512, 4]))
    inputs, outputs = interface.read(model, limits=LIMITS)
    assert [spec.to_json() for spec in inputs] == [{"name": "image", "dtype": "float32", "shape": ["N", 1, 8, 8]}]
    assert outputs[0].shape == ("N", 4)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (graphs.value("x", [1], TensorProto.STRING), "interface_type"),
        (helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1]), "interface_type"),
        (graphs.value("x", None), "input_shape"),
        (graphs.value("x", [1] * 17), "input_shape"),
        (graphs.value("x", [1 << 40]), "input_too_large"),
    ],
)
def test_an_input_that_no_device_could_feed_is_refused(value, reason):
    model = graphs.identity()
    model.graph.input[0].CopyFrom(value)
    with pytest.raises(ModelRefused) as caught:
        interface.read(model, limits=LIMITS)
    assert caught.value.reason == reason


@pytest.mark.parametrize("name", ["?", "-1", "None", "*"])
def test_extents_that_exporters_leave_open_need_not_be_equal(name):
    model = graphs.make(
        [onnx.helper.make_node("Identity", ["a"], ["b"])],
        inputs=[graphs.value("a", ["N", name, name])],
        outputs=[graphs.value("b", ["N", name, name])],
    )
    interface.name_free_extents(model)
    inputs, _ = interface.read(model, limits=graphs.LIMITS)
    assert inputs[0].shape == ("N", "a_1", "a_2")


@pytest.mark.parametrize("extent", [0, -1])
def test_an_extent_below_one_is_a_free_one(extent):
    model = graphs.identity(shape=(extent, 2))
    assert interface.read(model, limits=LIMITS)[0][0].shape == ("x_0", 2)
    interface.name_free_extents(model)
    assert [dim.dim_param for dim in model.graph.input[0].type.tensor_type.shape.dim] == ["x_0", ""]


@pytest.mark.parametrize("role", ["input", "output"])
def test_two_values_of_one_name_are_refused_and_so_is_a_name_that_nobody_can_read(role):
    model = graphs.identity()
    values = getattr(model.graph, role)
    values.append(values[0])
    long = graphs.identity()
    getattr(long.graph, role)[0].name = "x" * 600
    with pytest.raises(ModelRefused, match="has 600 characters"):
        interface.check_names(long)
    with pytest.raises(ModelRefused, match=f'2 {role}s of the name "'):
        interface.check_names(model)
