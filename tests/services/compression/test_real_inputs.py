"""Shapes as exporters write them: free extents, state, scalars, and outputs that contradict what the model gives."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from registry.compression.inspections import Declared, inspect_model
from registry.compression.refusal import ModelRefused
from tests.unit.compression import graphs


def inspect(folder, model, **given):
    return inspect_model(graphs.save(model, folder / "m.onnx"), scratch=folder, limits=graphs.LIMITS, **given)


def refusal_of(folder, model, **given):
    with pytest.raises(ModelRefused) as caught:
        inspect(folder, model, **given)
    return caught.value


def framed(length=576, *, shape=("N", "length")):
    """Take exactly ``length`` numbers a sample, though the declared extent is free."""
    return graphs.make(
        [helper.make_node("MatMul", ["audio", "weight"], ["y"])],
        inputs=[graphs.value("audio", list(shape))],
        outputs=[graphs.value("y", ["N", 2])],
        initializers=[graphs.constant("weight", np.ones((length, 2), np.float32))],
    )


def stateful():
    return graphs.make(
        [
            helper.make_node("Equal", ["rate", "known"], ["is_known"]),
            helper.make_node("Cast", ["is_known"], ["gain"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["audio"], ["mean"], axes=[1], keepdims=1),
            helper.make_node("Mul", ["mean", "gain"], ["louder"]),
            helper.make_node("Add", ["state", "louder"], ["next"]),
        ],
        inputs=[
            graphs.value("audio", ["batch", "length"]),
            graphs.value("state", [2, "batch", 3]),
            graphs.value("rate", [], TensorProto.INT64),
        ],
        outputs=[graphs.value("next", [2, "batch", 3])],
        initializers=[graphs.constant("known", np.array(16000, np.int64))],
    )


@pytest.mark.parametrize("extent", [-1, 0])
def test_extents_below_one_are_free_ones_in_the_cleaned_model_too(tmp_path, extent):
    inspection, cleaned = inspect(tmp_path, graphs.identity(shape=(extent, 2)))
    assert inspection.inputs[0]["shape"] == ["x_0", 2]
    dims = onnx.load(cleaned).graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["x_0", 2]
    assert inspection.can_measure_upload == (extent == -1)


def test_a_usual_frame_length_is_found_by_search(tmp_path):
    assert inspect(tmp_path, framed(512))[0].free_extents == {"length": 512}


def test_a_length_that_nobody_guesses_is_refused_with_the_way_to_say_it(tmp_path):
    refusal = refusal_of(tmp_path, framed(4711))
    assert refusal.reason == "input_shape_unknown"
    assert 'The input "audio" has the shape [N, length]' in refusal.detail
    assert '{"shapes": {"audio": [1, 1]}}' in refusal.detail


def test_shapes_of_the_metadata_say_it(tmp_path):
    assert inspect(tmp_path, framed(4711), declared=Declared(shapes={"audio": [1, 4711]}))[0].free_extents == {
        "N": 1,
        "length": 4711,
    }


@pytest.mark.parametrize("shapes", [{"video": [1, 2]}, {"audio": [1]}, {"audio": [1, 0]}])
def test_shapes_that_contradict_the_model_are_refused(tmp_path, shapes):
    assert refusal_of(tmp_path, framed(), declared=Declared(shapes=shapes)).reason == "shapes"


def test_samples_say_it_too(tmp_path):
    np.savez(tmp_path / "c.npz", audio=np.ones((8, 4711), np.float32))
    assert inspect(tmp_path, framed(4711), evaluation=tmp_path / "c.npz")[0].evaluation["samples"] == 8


def test_a_scalar_gets_the_value_that_the_model_compares_it_with(tmp_path):
    inspection, _ = inspect(tmp_path, stateful())
    assert inspection.free_extents == {"length": 576, "rate": 16000}


def test_samples_of_a_model_with_state_are_taken(tmp_path):
    audio, state = np.ones((6, 40), np.float32), np.zeros((6, 2, 3), np.float32)
    np.savez(tmp_path / "c.npz", audio=audio, state=state, rate=np.int64(16000))
    inspection, _ = inspect(tmp_path, stateful(), calibration=tmp_path / "c.npz")
    assert inspection.calibration["samples"] == 6
    assert inspection.free_extents == {"length": 40, "rate": 16000}


@pytest.mark.parametrize("declared", [[1, 2], [1, 7]])
def test_an_output_gets_the_shape_that_the_model_gives(tmp_path, declared):
    model = graphs.identity(shape=("N", 2))
    model.graph.output[0].CopyFrom(graphs.value("y", declared))
    inspection, cleaned = inspect(tmp_path, model)
    assert inspection.outputs[0]["shape"][1:] == ([2] if declared == [1, 2] else inspection.outputs[0]["shape"][1:])
    assert isinstance(inspection.outputs[0]["shape"][0], str)
    onnx.checker.check_model(str(cleaned), full_check=True)


def test_a_list_of_maps_becomes_the_tensor_of_its_scores(tmp_path):
    zipped = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    model = graphs.make(
        [
            helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0),
            helper.make_node("Softmax", ["x"], ["scores"]),
            helper.make_node("ZipMap", ["scores"], ["maps"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2]),
        ],
        inputs=[graphs.value("x", [None, 3])],
        outputs=[
            graphs.value("label", ["N"], TensorProto.INT64),
            helper.make_value_info("maps", helper.make_sequence_type_proto(zipped)),
        ],
        domains=["ai.onnx.ml"],
    )
    inspection, cleaned = inspect(tmp_path, model)
    assert inspection.outputs[1]["dtype"] == "float32"
    assert inspection.outputs[1]["shape"][1] == 3
    assert "list of maps (ZipMap)" in inspection.warnings[0]
    assert not inspection.can_measure_upload
    assert [entry.domain for entry in onnx.load(cleaned).opset_import] == [""]


def test_a_sequence_is_dropped_where_a_tensor_remains_and_refused_where_none_does(tmp_path):
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, ["N", 2])
    model = graphs.identity()
    model.graph.node.append(helper.make_node("SequenceConstruct", ["y"], ["s"]))
    model.graph.output.append(sequence)
    inspection, cleaned = inspect(tmp_path, model)
    assert [output["name"] for output in inspection.outputs] == ["y"]
    assert [node.op_type for node in onnx.load(cleaned).graph.node] == ["Relu"]
    del model.graph.output[:1]
    assert refusal_of(tmp_path, model).reason == "interface_type"


def test_a_domain_that_is_declared_and_not_used_does_no_harm(tmp_path):
    model = graphs.small_cnn()
    model.opset_import.append(helper.make_opsetid("com.example.unused", 1))
    inspection, cleaned = inspect(tmp_path, model)
    assert [entry.domain for entry in onnx.load(cleaned).opset_import] == [""]
    assert inspection.equals_upload
