"""The formats of a variant's file, and the engine that runs each (docs/wire-format.md, *Manifest*)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ENGINES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "onnx": "onnxruntime",
        "ort": "onnxruntime",
        "engine-settings": "onnxruntime",
        "tflite": "litert",
        "openvino-tar": "openvino",
        "ncnn-tar": "ncnn",
        "coreml-tar": "coreml",
        "rknn": "rknn",
        "hef": "hailo",
    }
)
