"""The file that recipes read gives the answers of the uploaded one, whatever tools made of it."""

import numpy as np
import onnx
import pytest
from onnx import helper

from registry.compression.inspections import inspect_model
from registry.compression.intake import cleaning, operator_sets
from registry.compression.runtime import open_session
from tests.unit.compression import graphs


def one_node(operator, *, opset, ir_version=5, scales=False, shape=(1, 3, 8, 8), out=(1, 3, 16, 16), **attributes):
    inputs = ["x", "scales"] if scales else ["x"]
    stored = [graphs.constant("scales", np.array([1, 1, 2, 2], np.float32))] if scales else []
    return graphs.make(
        [helper.make_node(operator, inputs, ["y"], **attributes)],
        inputs=[graphs.value("x", list(shape))],
        outputs=[graphs.value("y", list(out))],
        initializers=stored,
        opset=opset,
        ir_version=ir_version,
    )


def answers(path, feed):
    return open_session(path.read_bytes()).run(None, feed)[0]


OLD = {
    "Resize-10": one_node("Resize", opset=10, scales=True, mode="linear"),
    "Resize-10 nearest": one_node("Resize", opset=10, scales=True, mode="nearest"),
    "Upsample-9": one_node("Upsample", opset=9, scales=True, mode="linear"),
    "Hardmax-11": one_node("Hardmax", opset=11, shape=(2, 3, 4), out=(2, 3, 4)),
    "Softmax-11": one_node("Softmax", opset=11, shape=(2, 3, 4), out=(2, 3, 4)),
}
OLD["Upsample-7"] = one_node("Upsample", opset=7, mode="linear")
OLD["Upsample-7"].graph.node[0].attribute.append(helper.make_attribute("scales", [1.0, 1.0, 2.0, 2.0]))


@pytest.mark.parametrize("name", OLD)
def test_the_cleaned_model_answers_as_the_upload_does(tmp_path, name):
    source = graphs.save(OLD[name], tmp_path / "m.onnx")
    inspection, cleaned = inspect_model(source, scratch=tmp_path, limits=graphs.LIMITS)
    shape = inspection.inputs[0]["shape"]
    feed = {"x": np.random.default_rng(5).normal(size=shape).astype(np.float32)}
    assert np.allclose(answers(cleaned, feed), answers(source, feed), atol=1e-6)
    assert inspection.equals_upload
    assert inspection.opset == cleaning.get_opset(onnx.load(cleaned))


def test_an_operator_set_that_the_converter_breaks_is_kept_and_said(tmp_path):
    source = graphs.save(OLD["Hardmax-11"], tmp_path / "m.onnx")
    inspection, _ = inspect_model(source, scratch=tmp_path, limits=graphs.LIMITS)
    assert inspection.opset == 11
    assert "Operator set 11 is kept" in inspection.warnings[0]
    assert "need operator set 13 do not apply" in inspection.warnings[0]


def test_resizing_of_old_operator_sets_is_raised_with_its_pixels_in_place(tmp_path):
    source = graphs.save(OLD["Resize-10"], tmp_path / "m.onnx")
    inspection, _ = inspect_model(source, scratch=tmp_path, limits=graphs.LIMITS)
    assert (inspection.opset, inspection.warnings) == (13, [])


def test_a_model_that_answers_at_random_passes_and_says_that_nothing_was_compared(tmp_path):
    model = graphs.make(
        [helper.make_node("RandomNormalLike", ["x"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])],
        inputs=[graphs.value("x", [1, 8])],
        outputs=[graphs.value("y", [1, 8])],
    )
    inspection, _ = inspect_model(graphs.save(model, tmp_path / "m.onnx"), scratch=tmp_path, limits=graphs.LIMITS)
    assert not inspection.equals_upload
    assert "answers differently each time" in inspection.warnings[0]


def test_an_infinite_output_is_a_warning_that_names_the_output(tmp_path):
    model = graphs.make(
        [helper.make_node("Div", ["x", "zero"], ["y"])],
        inputs=[graphs.value("x", [1, 8])],
        outputs=[graphs.value("y", [1, 8])],
        initializers=[graphs.constant("zero", np.zeros(8, np.float32))],
    )
    inspection, _ = inspect_model(graphs.save(model, tmp_path / "m.onnx"), scratch=tmp_path, limits=graphs.LIMITS)
    assert inspection.warnings[0].startswith('The output "y" has NaN or infinity')
    assert inspection.equals_upload


def test_raising_without_a_large_weights_data_gives_the_weight_back(tmp_path):
    model = graphs.small_cnn(opset=11, channels=32)
    inspection, cleaned = inspect_model(graphs.save(model, tmp_path / "m.onnx"), scratch=tmp_path, limits=graphs.LIMITS)
    assert (inspection.opset, inspection.equals_upload) == (operator_sets.read(onnx.load(cleaned)).opset, True)
    assert inspection.opset == 13
