"""Tiny real ONNX models with their manifests, made on the spot."""

import base64
import hashlib
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIDE = 4
CLASSES = 3
OPSET = [helper.make_opsetid("", 17)]


def classifier(seed: int = 0, *, padding_bytes: int = 0) -> bytes:
    """A linear classifier of 4×4 images; `padding_bytes` makes the file as large as a test needs."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=(SIDE * SIDE, CLASSES)).astype(np.float32)
    bias = random.normal(size=CLASSES).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
    ]
    return _serialize(
        nodes, [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")], padding_bytes
    )


def not_a_number() -> bytes:
    """A model whose outputs are NaN."""
    nan = numpy_helper.from_array(np.full((SIDE * SIDE, CLASSES), np.nan, dtype=np.float32), "weights")
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    return _serialize(nodes, [nan], 0)


def nan_when_bright() -> bytes:
    """A model that is fine on its golden samples and gives NaN on an image whose sum is negative (square root)."""
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("Sqrt", ["flat"], ["root"]),
        helper.make_node("MatMul", ["root", "weights"], ["logits"]),
    ]
    weights = np.ones((SIDE * SIDE, CLASSES), dtype=np.float32)
    return _serialize(nodes, [numpy_helper.from_array(weights, "weights")], 0)


def endless() -> bytes:
    """A model that loops for ever."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["still_going"]),
            helper.make_node("Sin", ["value"], ["next_value"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still_going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next_value", TensorProto.FLOAT, None),
        ],
    )
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["product"]),
        helper.make_node("Loop", ["turns", "yes", "product"], ["logits"], body=body),
    ]
    weights = np.ones((SIDE * SIDE, CLASSES), dtype=np.float32)
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array(2**62, dtype=np.int64), "turns"),
        numpy_helper.from_array(np.array(True), "yes"),
    ]
    return _serialize(nodes, constants, 0)


def images(count: int, *, seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).random(size=(count, 1, SIDE, SIDE)).astype(np.float32)


def tensor(array: np.ndarray) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": data}


def manifest(file: bytes, *, version: str, golden: np.ndarray | None = None, **changes: Any) -> dict[str, Any]:
    """The manifest of a model; the expected outputs are what the model gives here unless `golden` says otherwise."""
    samples = images(2)
    if golden is None:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        golden = session.run(None, {"image": samples})[0]
    document: dict[str, Any] = {
        "schema": "modelfleet.manifest/1",
        "model": "digits",
        "version": version,
        "target": "generic-cpu",
        "recipe": "fp32-optimized",
        "recipe_digest": "0" * 64,
        "file": {
            "name": "model.onnx",
            "size": len(file),
            "sha256": hashlib.sha256(file).hexdigest(),
            "format": "onnx",
        },
        "runtime": {
            "engine": "onnxruntime",
            "providers": ["CPUExecutionProvider"],
            "options": {"graph_optimization_level": "all"},
        },
        "inputs": [{"name": "image", "dtype": "float32", "shape": ["N", 1, SIDE, SIDE]}],
        "outputs": [{"name": "logits", "dtype": "float32", "shape": ["N", CLASSES]}],
        "preprocessing": {},
        "labels": ["zero", "one", "two"],
        "self_test": {
            "inputs": {"image": tensor(samples)},
            "outputs": {"logits": tensor(golden)},
            "absolute_tolerance": 1e-3,
            "relative_tolerance": 1e-3,
            "latency_budget_ms": 1000.0,
        },
        "baseline": None,
        "source": {"sha256": "0" * 64, "size": 1},
        "measurements": {},
        "min_agent_version": "0.1.0",
    }
    for name, value in changes.items():
        document[name] = {**document[name], **value} if isinstance(document.get(name), dict) else value
    return document


def manifest_2(file: bytes, *, version: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """The same manifest in schema 2, with fields that only a later agent will know."""
    older = manifest(file, version=version)
    runtime = {
        "engine": "onnxruntime",
        "providers": [{"name": "CPUExecutionProvider", "options": {}}],
        "threads": 1,
        "options": {"graph_optimization_level": "all"},
        "max_opset": 21,
    }
    newer = {
        "schema": "modelfleet.manifest/2",
        "preset": "balanced",
        "members": [],
        "runtime": runtime,
        "task": {"kind": "classification", "scores": "logits", "of_a_later_release": [1]},
        "preprocessing": [{"op": "normalize", "mean": [0.5], "std": [0.5]}],
        "self_test": {**older["self_test"], "judge": "elementwise", "memory_budget_bytes": None},
        "quality": {"judged_on": "evaluation", "metrics": {"agreement": 1.0}, "warnings": []},
        "min_agent_version": "0.2.0",
        "of_a_later_release": {"x": 1},
    }
    document = {**older, **newer}
    for name, value in (changes or {}).items():
        is_part = isinstance(document.get(name), dict) and isinstance(value, dict)
        document[name] = {**document[name], **value} if is_part else value
    return document


def _serialize(nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], padding_bytes: int) -> bytes:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
        initializer=constants,
    )
    model = helper.make_model(graph, opset_imports=OPSET, ir_version=8)
    if padding_bytes:
        noise = np.random.default_rng(1).bytes(padding_bytes)
        helper.set_model_props(model, {"padding": base64.b64encode(noise).decode()})
    return model.SerializeToString()
