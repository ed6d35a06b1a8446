"""The task ``build``: one recipe on one model, measured against it, in one child.

1. open the source through the door's checks again, and the calibration samples
2. the recipe writes its file
3. measure it against the source, and make its self-test
"""

import importlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx

from registry.compression.calibration.samples import Samples, read_samples
from registry.compression.evaluation import measurement, self_test
from registry.compression.intake import walking
from registry.compression.recipes import RECIPES
from registry.compression.recipes.source import NotApplicable, Source
from registry.compression.tasks.inspect_upload import open_checked
from registry.compression.tensor_specs import TensorSpec

FILENAME = "model.onnx"


def run(request: Mapping[str, Any], *, job: Path, limits: Mapping[str, float]) -> dict[str, Any]:
    """Build ``request["recipe"]``; the file is in the job folder, everything else in the answer."""
    started = time.perf_counter()
    recipe = RECIPES[request["recipe"]]
    inputs = [TensorSpec.from_json(body) for body in request["inputs"]]
    model = open_checked(Path(request["source"]), limits=limits)
    samples = _read_samples(request, inputs=inputs, job=job, limits=limits)
    source_data = model.SerializeToString(deterministic=True)
    build = importlib.import_module(f"registry.compression.recipes.{recipe.module}").build
    target = job / FILENAME
    try:
        build(
            Source(model=model, samples=samples, threads=int(limits["threads"])),
            destination=target,
            parameters=request["parameters"],
        )
    except NotApplicable as reason:
        return {"status": "not_applicable", "reason": str(reason)}
    variant, sizes = target.read_bytes(), request["free_extents"]
    measured = measurement.measure(source_data, variant, inputs=inputs, sizes=sizes, samples=samples)
    golden = self_test.make(variant, inputs=inputs, sizes=sizes, samples=samples, gate=recipe.gate)
    return {
        "status": "built",
        "domains": sorted({node.domain for node in walking.iterate_nodes(onnx.load_model_from_string(variant))}),
        "measurements": {**measured, "size": len(variant), "seconds": round(time.perf_counter() - started, 3)},
        "measured_on": measurement.describe_machine(),
        "self_test": golden,
    }


def _read_samples(
    request: Mapping[str, Any], *, inputs: list[TensorSpec], job: Path, limits: Mapping[str, float]
) -> Samples | None:
    if request["calibration"] is None:
        return None
    return read_samples(Path(request["calibration"]), inputs=inputs, folder=job / "tmp", limits=limits)
