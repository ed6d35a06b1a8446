"""The task ``inspect``: the whole intake of one upload, in order.

1. parse, without following external data              (``intake.parsing``)
2. our own rules                                        (``intake.rules``)
3. onnx's checker with full shape inference             (``intake.opening``)
4. strip metadata, name nodes, raise old operator sets  (``intake.cleaning``)
5. read the inputs and outputs, the operators, the size (``intake.interface``)
6. calibration file, against the inputs                 (``calibration.samples``)
7. smoke inference, under a processor time limit of its own (``intake.smoke``)
"""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx

from registry.compression.calibration.samples import Samples, read_samples
from registry.compression.child_tasks.messages import CalibrationSummary, Inspection, InspectRequest
from registry.compression.intake import cleaning, interface, opening, smoke, walking
from registry.compression.intake.tensors import count_elements
from registry.compression.sandbox.confinement.resources import limit_cpu_from_now
from registry.compression.sandbox.limits import Limits, allowed_cpu_seconds
from registry.compression.tensor_specs import TensorSpec

CLEANED = "cleaned.onnx"
Request = InspectRequest


def run(request: InspectRequest, *, job: Path, limits: Limits) -> Inspection:
    """Inspect the source of the request, write the cleaned model into the job folder, return what was found."""
    source = Path(request.source)
    limit_cpu_from_now(allowed_cpu_seconds(source.stat().st_size, limits=limits))
    model = opening.open_checked(source, limits=limits)
    inputs, outputs = interface.read(model, limits=limits)
    samples = _read_calibration(request.calibration, inputs=inputs, job=job, limits=limits)
    data = model.SerializeToString(deterministic=True)
    sizes, outputs = smoke.run(data, inputs=inputs, outputs=outputs, samples=samples, limits=limits)
    (job / CLEANED).write_bytes(data)
    return Inspection(
        inputs=[spec.to_json() for spec in inputs],
        outputs=[spec.to_json() for spec in outputs],
        opset=cleaning.get_opset(model),
        ir_version=model.ir_version,
        operators=dict(sorted(Counter(node.op_type for node in walking.iterate_nodes(model)).items())),
        parameter_count=_count_parameters(model),
        size=source.stat().st_size,
        free_extents=sizes,
        calibration=_summarize(samples) if samples else None,
    )


def _read_calibration(path: str | None, *, inputs: list[TensorSpec], job: Path, limits: Limits) -> Samples | None:
    if path is None:
        return None
    limit_cpu_from_now(limits.calibration_cpu_seconds)
    return read_samples(Path(path), inputs=inputs, folder=job / "tmp", limits=limits)


def _summarize(samples: Samples) -> CalibrationSummary:
    labels = samples.labels
    return {
        "samples": samples.count,
        "held_out": len(samples.held_out) * samples.batch.size,
        "has_labels": labels is not None,
        "classes": 0 if labels is None else int(np.unique(labels).size),
    }


def _count_parameters(model: onnx.ModelProto) -> int:
    return sum(count_elements(tensor) for graph, _ in walking.iterate_graphs(model) for tensor in graph.initializer)
