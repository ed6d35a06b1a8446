"""Small real models, and a way to upload them without HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.actors import SYSTEM
from registry.models import ModelVersion


def make_convolution(*, seed: int = 0) -> bytes:
    """A classifier of 8 × 8 images: one convolution, global average, a dense layer."""
    random = np.random.default_rng(seed)
    weights = {
        "kernel": random.normal(size=(16, 1, 3, 3)).astype(np.float32),
        "dense": random.normal(size=(16, 10)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["features"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["features"], ["active"], name="relu"),
        helper.make_node("GlobalAveragePool", ["active"], ["pooled"], name="pool"),
        helper.make_node("Flatten", ["pooled"], ["flat"], name="flatten"),
        helper.make_node("MatMul", ["flat", "dense"], ["logits"], name="dense"),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture(scope="session")
def model_bytes() -> bytes:
    return make_convolution()


@pytest.fixture
def model_file(tmp_path: Path, model_bytes: bytes) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(model_bytes)
    return path


@pytest.fixture
def upload(db: None, model_file: Path) -> Callable[..., ModelVersion]:
    """``upload("digits", "1.0.0")`` is a version that waits to be verified."""
    from registry.versions import verbs as versions

    def make(slug: str = "digits", number: str = "1.0.0", **given: Any) -> ModelVersion:
        files = versions.Upload(**{"file": model_file, **given})
        return versions.create(slug, number=number, upload=files, actor=SYSTEM)[0]

    return make
