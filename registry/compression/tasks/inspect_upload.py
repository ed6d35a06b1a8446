"""The task ``inspect``: everything the door does with one upload, in order.

1. parse, without following external data            (``parsing``)
2. our own rules                                      (``rules``)
3. onnx's checker with full shape inference
4. strip metadata, name nodes, raise old operator sets (``cleaning``)
5. read the signature, the operator census, the size
6. calibration file, against that signature
7. smoke inference, under a processor time limit of its own (``smoke``)
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from registry.compression.calibration.samples import Samples, read_samples
from registry.compression.intake import cleaning, interface, parsing, rules, smoke, walking
from registry.compression.intake.tensors import count_elements
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox.confinement import limit_cpu_from_now
from registry.compression.sandbox.limits import allowed_cpu_seconds
from registry.compression.tensor_specs import TensorSpec

CLEANED = "cleaned.onnx"


def run(request: Mapping[str, Any], *, job: Path, limits: Mapping[str, float]) -> dict[str, Any]:
    """Inspect ``request["source"]``, write the cleaned model into the job folder, return what was found."""
    source = Path(request["source"])
    limit_cpu_from_now(allowed_cpu_seconds(source.stat().st_size, limits=limits))
    model = open_checked(source, limits=limits)
    inputs, outputs = interface.read(model, limits=limits)
    samples = _read_calibration(request.get("calibration"), inputs=inputs, job=job, limits=limits)
    data = model.SerializeToString(deterministic=True)
    sizes, outputs = smoke.run(data, inputs=inputs, outputs=outputs, samples=samples, limits=limits)
    (job / CLEANED).write_bytes(data)
    return {
        "inputs": [spec.to_json() for spec in inputs],
        "outputs": [spec.to_json() for spec in outputs],
        "opset": cleaning.get_opset(model),
        "ir_version": model.ir_version,
        "operators": dict(sorted(Counter(node.op_type for node in walking.iterate_nodes(model)).items())),
        "parameter_count": _count_parameters(model),
        "size": source.stat().st_size,
        "free_extents": sizes,
        "calibration": samples and _describe(samples),
    }


def open_checked(source: Path, *, limits: Mapping[str, float]) -> onnx.ModelProto:
    """Return the cleaned model; the way in for every task, since a file between two tasks is not trusted either.

    Raises:
        ModelRefused: The first rule that it breaks.
    """
    model = parsing.parse(source, limits=limits)
    rules.check(model, limits=limits)
    try:
        onnx.checker.check_model(model, full_check=True)
        return cleaning.raise_opset(cleaning.clean(model))
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, TypeError) as error:
        message = f"The checker of ONNX refuses the model: {smoke.tidy(str(error))}"
        raise ModelRefused(message, reason="checker") from error


def _read_calibration(
    path: str | None, *, inputs: list[TensorSpec], job: Path, limits: Mapping[str, float]
) -> Samples | None:
    if path is None:
        return None
    limit_cpu_from_now(int(limits["calibration_cpu_seconds"]))
    return read_samples(Path(path), inputs=inputs, folder=job / "tmp", limits=limits)


def _describe(samples: Samples) -> dict[str, Any]:
    labels = samples.labels
    return {
        "samples": samples.count,
        "held_out": len(samples.held_out) * samples.batch.size,
        "has_labels": labels is not None,
        "classes": 0 if labels is None else int(np.unique(labels).size),
    }


def _count_parameters(model: onnx.ModelProto) -> int:
    return sum(count_elements(tensor) for graph, _ in walking.iterate_graphs(model) for tensor in graph.initializer)
