import onnx

from registry.compression.intake import cleaning, tool_messages
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


def test_an_old_operator_set_is_raised_to_what_per_channel_quantization_needs():
    raised = cleaning.raise_opset(cleaning.clean(graphs.small_cnn(opset=11)))
    assert cleaning.get_opset(raised) == 13
    assert all(node.name for node in raised.graph.node)


def test_a_newer_operator_set_is_left_alone():
    assert cleaning.get_opset(cleaning.raise_opset(graphs.small_cnn(opset=18))) == 18


def test_imports_that_no_node_uses_are_dropped():
    model = graphs.small_cnn()
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft.nchwc", 1))
    cleaning.prune_opset_imports(model)
    assert [entry.domain for entry in model.opset_import] == [""]


def test_a_tools_message_is_shown_without_the_servers_paths():
    assert tool_messages.tidy("bad\n node at /work/var/scratch/x/model.onnx:12 in Conv") == "bad node at … in Conv"
