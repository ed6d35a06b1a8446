from pathlib import Path

import numpy as np
import onnx
import pytest

from registry.compression import runtime
from registry.compression.recipes import preparing
from registry.compression.recipes.source import NotApplicable, Source
from tests.unit.compression import graphs

IMAGES = graphs.quadrant_images(4)[0]


def source_of(model, **fields):
    return Source(model=model, samples=None, threads=1, **fields)


def finished(source, folder: Path) -> bytes:
    path = folder / "prepared.onnx"
    preparing.finish(preparing.prepare(source, scratch=path), source, destination=path)
    return path.read_bytes()


def gemm(*, bias):
    return graphs.make(
        [onnx.helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="layer")],
        inputs=[graphs.value("x", ["N", 3])],
        outputs=[graphs.value("y", ["N", 2])],
        initializers=[graphs.constant("w", np.ones((3, 2), np.float32)), graphs.constant("b", bias)],
    )


def branching():
    """An If whose branches read tensors and a constant of the main graph."""
    branches = [
        onnx.helper.make_graph(
            [onnx.helper.make_node(operator, ["twice", "half"], [f"{operator}_out"])],
            operator,
            [],
            [graphs.value(f"{operator}_out", ["N", 2])],
        )
        for operator in ("Add", "Mul")
    ]
    nodes = [
        onnx.helper.make_node("Add", ["x", "x"], ["twice"]),
        onnx.helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        onnx.helper.make_node("Greater", ["sum", "zero"], ["go"]),
        onnx.helper.make_node("If", ["go"], ["y"], then_branch=branches[0], else_branch=branches[1]),
    ]
    constants = [
        graphs.constant("half", np.array([0.5, 2.0], np.float32)),
        graphs.constant("zero", np.array(0.0, np.float32)),
    ]
    return graphs.make(
        nodes, inputs=[graphs.value("x", ["N", 2])], outputs=[graphs.value("y", ["N", 2])], initializers=constants
    )


def test_a_prepared_model_computes_the_same_and_keeps_its_inputs_and_outputs(tmp_path):
    model = graphs.small_cnn()
    data = finished(source_of(model), tmp_path)
    before, after = (
        runtime.open_session(part).run(None, {"image": IMAGES}) for part in (model.SerializeToString(), data)
    )
    assert np.allclose(before, after, atol=1e-5)
    prepared = onnx.load_model_from_string(data)
    assert list(prepared.graph.input) == list(model.graph.input)
    assert list(prepared.graph.output) == list(model.graph.output)


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_inner_graphs_read_the_renamed_tensors(tmp_path, value):
    model = branching()
    feed = {"x": np.full((1, 2), value, np.float32)}
    data = finished(source_of(model), tmp_path)
    before, after = (runtime.open_session(part).run(None, feed) for part in (model.SerializeToString(), data))
    assert np.allclose(before, after)


def test_a_bias_of_one_row_becomes_flat_and_any_other_stays():
    row = gemm(bias=np.ones((1, 2), np.float32))
    preparing.flatten_biases(row.graph)
    assert [list(tensor.dims) for tensor in row.graph.initializer] == [[3, 2], [2]]
    flat = gemm(bias=np.ones(2, np.float32))
    before = flat.SerializeToString()
    preparing.flatten_biases(flat.graph)
    assert flat.SerializeToString() == before


def test_equal_initializers_are_kept_once():
    model = graphs.make(
        [
            onnx.helper.make_node("Add", ["x", "a"], ["y"]),
            onnx.helper.make_node("Add", ["y", "b"], ["z"]),
            onnx.helper.make_node("Add", ["z", "c"], ["out"]),
        ],
        inputs=[graphs.value("x", ["N", 2])],
        outputs=[graphs.value("out", ["N", 2])],
        initializers=[
            graphs.constant("a", np.ones(2, np.float32)),
            graphs.constant("b", np.ones(2, np.float32)),
            graphs.constant("c", np.ones((1, 2), np.float32)),
        ],
    )
    preparing.merge_initializers(model.graph)
    assert [tensor.name for tensor in model.graph.initializer] == ["a", "c"]
    assert [node.input[1] for node in model.graph.node] == ["a", "a", "c"]


def test_every_free_extent_gets_a_name_of_its_own_and_the_batch_keeps_its_name():
    model = graphs.make(
        [onnx.helper.make_node("Relu", ["a"], ["b"])],
        inputs=[graphs.value("a", ["N", "D", "D", 0]), graphs.value("c", ["N", "D", None, 4])],
        outputs=[graphs.value("b", ["N", "D", "D", None])],
    )
    preparing.name_free_extents(model.graph)
    shapes = [
        [extent.dim_param or extent.dim_value for extent in value.type.tensor_type.shape.dim]
        for value in model.graph.input
    ]
    assert shapes == [["N", "D", "free_0_2", "free_0_3"], ["N", "free_1_1", "free_1_2", 4]]


def test_the_same_model_gives_the_same_bytes(tmp_path):
    assert finished(source_of(graphs.small_cnn()), tmp_path) == finished(source_of(graphs.small_cnn()), tmp_path)


def test_an_unknown_node_to_leave_out_is_refused_by_name(tmp_path):
    source = source_of(graphs.small_cnn(), exclude_nodes=frozenset({"head", "no-such"}))
    with pytest.raises(NotApplicable, match='no node of the model is called "no-such"'):
        preparing.prepare(source, scratch=tmp_path / "m.onnx")


def test_a_node_that_the_optimizer_renamed_is_still_left_out(tmp_path):
    model = graphs.make(
        [
            onnx.helper.make_node("MatMul", ["x", "w"], ["p"], name="product"),
            onnx.helper.make_node("Add", ["p", "b"], ["y"], name="sum"),
        ],
        inputs=[graphs.value("x", ["N", 3])],
        outputs=[graphs.value("y", ["N", 2])],
        initializers=[
            graphs.constant("w", np.arange(6, dtype=np.float32).reshape(3, 2)),
            graphs.constant("b", np.array([1, 2], np.float32)),
        ],
    )
    source = source_of(model, exclude_nodes=frozenset({"product"}))
    prepared = preparing.prepare(source, scratch=tmp_path / "m.onnx")
    (found,) = preparing.find_excluded(prepared, source)
    assert next(node.op_type for node in prepared.graph.node if node.name == found) == "Gemm"


def test_an_old_operator_set_is_not_applicable(tmp_path):
    with pytest.raises(NotApplicable, match="older than 13"):
        preparing.prepare(source_of(graphs.small_cnn(opset=11)), scratch=tmp_path / "m.onnx")
