import numpy as np
import onnx
import pytest

from registry.compression.intake import cleaning, operator_sets, tool_messages
from tests.unit.compression import graphs


def test_metadata_and_documentation_are_gone_and_every_node_has_a_name_of_its_own():
    model = graphs.small_cnn()
    model.metadata_props.add(key="source", value="/home/somebody/train.py")
    model.doc_string = model.graph.doc_string = model.graph.node[0].doc_string = "/home/somebody/secret.py"
    model.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value="File /home/somebody/train.py")
    model.graph.input[0].doc_string = "/home/somebody"
    model.graph.node[1].name = "head"
    cleaned = cleaning.clean(model)
    assert b"somebody" not in cleaned.SerializeToString()
    names = [node.name for node in cleaned.graph.node]
    assert all(names)
    assert len(set(names)) == len(names)


def test_cleaning_twice_changes_nothing():
    once = cleaning.clean(graphs.small_cnn()).SerializeToString(deterministic=True)
    again = cleaning.clean(onnx.load_model_from_string(once)).SerializeToString(deterministic=True)
    assert once == again


def test_an_old_operator_set_is_raised_to_what_per_channel_quantization_needs_and_the_weights_stay():
    model = cleaning.clean(graphs.small_cnn(opset=11))
    model.graph.initializer.append(graphs.constant("large", np.arange(5000, dtype=np.float32)))
    before = {tensor.name: tensor.SerializeToString() for tensor in model.graph.initializer}
    assert operator_sets.raise_opset(model)
    assert operator_sets.read(model) == (13, 9)
    assert all(node.name for node in model.graph.node)
    assert before.items() <= {tensor.name: tensor.SerializeToString() for tensor in model.graph.initializer}.items()


def test_a_newer_operator_set_is_left_alone():
    model = graphs.small_cnn(opset=18)
    assert not operator_sets.raise_opset(model)
    assert cleaning.get_opset(model) == 18


@pytest.mark.parametrize(
    ("kind", "lowest"), [(onnx.TensorProto.FLOAT, 4), (onnx.TensorProto.INT4, 10), (onnx.TensorProto.FLOAT8E4M3FN, 9)]
)
def test_the_ir_version_is_lowered_as_far_as_the_types_of_the_weights_allow(kind, lowest):
    model = graphs.small_cnn()
    model.graph.initializer.append(onnx.helper.make_tensor("w", kind, [2], [1, 2]))
    assert operator_sets.find_lowest_ir(model) == lowest
    assert not operator_sets.lower_ir_version(model, at_most=lowest - 1)
    assert model.ir_version == 9
    assert operator_sets.lower_ir_version(model, at_most=lowest)
    assert model.ir_version == min(9, lowest)


def test_imports_that_no_node_uses_are_dropped():
    model = graphs.small_cnn()
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft.nchwc", 1))
    cleaning.prune_opset_imports(model)
    assert [entry.domain for entry in model.opset_import] == [""]


def test_a_tools_message_is_shown_without_the_servers_paths():
    assert tool_messages.tidy("bad\n node at /work/var/scratch/x/model.onnx:12 in Conv") == "bad node at … in Conv"
