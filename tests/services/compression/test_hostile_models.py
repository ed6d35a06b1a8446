"""Each hostile upload goes through the real child: it ends in a named error within seconds, and the caller lives."""

import time
from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper

from registry.compression.inspections import inspect_model
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox.parent import SandboxKilled
from tests.unit.compression import graphs

QUICK = replace(graphs.LIMITS, wall_seconds=20.0, memory_bytes=1 << 29, intake_cpu_seconds=1)


def deep_memory():
    """A chain that keeps 64 tensors of 64 MB alive: no single one is refused, the sum is."""
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["seed"])]
    nodes += [helper.make_node("Add", ["seed", f"b{i}"], [f"t{i}"]) for i in range(64)]
    nodes.append(helper.make_node("Sum", [f"t{i}" for i in range(64)], ["y"]))
    inputs = [graphs.value(f"b{i}", [1]) for i in range(64)]
    shape = graphs.constant("shape", np.array([1 << 24], np.int64))
    return graphs.make(nodes, inputs=inputs, outputs=[graphs.value("y", ["M"])], initializers=[shape])


HOSTILE = {
    "empty": (b"", "empty"),
    "random bytes": (np.random.default_rng(0).bytes(4096), "not_onnx"),
    "truncated": (graphs.small_cnn().SerializeToString()[:-300], "not_onnx"),
    "external data": (graphs.external_data(), "external_data"),
    "custom domain": (graphs.custom_domain(), "operator_domain"),
    "length past the end": (graphs.huge_declared_length(), "tensor_length"),
    "constant bomb": (graphs.constant_bomb(10**10), "allocation"),
    "hidden constant bomb": (graphs.constant_bomb(10**5, factors=2), "out_of_memory"),
    "many tensors": (deep_memory(), "out_of_memory"),
    "endless loop": (graphs.endless_loop(), "loop_trips"),
    "hidden endless loop": (graphs.endless_loop(is_hidden=True), "cpu_time"),
    "too deep": (graphs.nested_ifs(20), "subgraph_depth"),
    "functions of functions": (graphs.function_bomb(), "too_many_nodes"),
    "string input": (graphs.identity(dtype=TensorProto.STRING), "checker"),
    "wrong types": (graphs.identity(dtype=TensorProto.BOOL), "checker"),
    "operator set of the future": (graphs.make([helper.make_node("Relu", ["x"], ["y"])], inputs=[graphs.value("x", [1])], outputs=[graphs.value("y", [1])], opset=999), "smoke_load"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_it_ends_in_a_named_error_within_seconds(tmp_path, name):
    content, reason = HOSTILE[name]
    path = tmp_path / "upload.onnx"
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    started = time.monotonic()
    with pytest.raises((ModelRefused, SandboxKilled)) as caught:
        inspect_model(path, scratch=tmp_path, limits=QUICK)
    assert caught.value.reason == reason
    assert time.monotonic() - started < 15
    assert str(tmp_path) not in caught.value.detail
    assert "site-packages" not in caught.value.detail


def test_a_hostile_calibration_file_is_refused_by_the_child_too(tmp_path):
    model = graphs.save(graphs.small_cnn(), tmp_path / "m.onnx")
    np.savez(tmp_path / "c.npz", image=np.array([object()], dtype=object))
    with pytest.raises(ModelRefused) as caught:
        inspect_model(model, scratch=tmp_path, calibration=tmp_path / "c.npz", limits=graphs.LIMITS)
    assert caught.value.reason == "calibration_objects"
