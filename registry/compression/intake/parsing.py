"""Reads the file as an ONNX model, and no other file."""

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from registry.compression.refusal import ModelRefused
from registry.compression.sandbox.limits import Limits


def parse(path: Path, *, limits: Limits) -> onnx.ModelProto:
    """Parse one self-contained file; external data is not followed.

    Raises:
        ModelRefused: Empty, too large, not protobuf, or protobuf that is no ONNX model.
    """
    size = path.stat().st_size
    if size == 0:
        raise ModelRefused("The file is empty.", reason="empty")
    if size > limits.model_bytes:
        raise ModelRefused(f"The file has {size} bytes; at most {limits.model_bytes} are accepted.", reason="too_large")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except (DecodeError, ValueError) as error:
        raise ModelRefused("The file is not an ONNX model, or it is cut off.", reason="not_onnx") from error
    if not model.ir_version or not model.opset_import or not model.graph.node:
        raise ModelRefused(
            "The file is not an ONNX model: it has no version, no operator set or no nodes.", reason="not_onnx"
        )
    return model
