"""The task ``build``: one recipe on one model, measured against it, in one child.

1. open the source through the checks of the intake again, and the calibration samples
2. the recipe writes its file
3. measure the file against the source, and make its self-test
"""

import importlib
import time
from pathlib import Path

import onnx

from registry.compression.calibration.samples import Samples, read_samples
from registry.compression.child_tasks.messages import BuildAnswer, BuildRequest, Built
from registry.compression.evaluation import measurement, self_test
from registry.compression.evaluation.results import Measured
from registry.compression.intake import opening, walking
from registry.compression.recipes import RECIPES, fixed_shape
from registry.compression.recipes.source import NotApplicable, Source
from registry.compression.sandbox.limits import Limits
from registry.compression.tensor_specs import TensorSpec

FILENAME = "model.onnx"
Request = BuildRequest


def run(request: BuildRequest, *, job: Path, limits: Limits) -> BuildAnswer:
    """Build by the recipe of the request; the file is in the job folder, everything else in the answer."""
    started = time.perf_counter()
    recipe, sizes = RECIPES[request.recipe], request.free_extents
    inputs = [TensorSpec.from_json(body) for body in request.inputs]
    model = opening.open_checked(Path(request.source), limits=limits)
    samples = _read_samples(request, inputs=inputs, job=job, limits=limits)
    source_data = model.SerializeToString(deterministic=True)
    # By name: recipes/__init__.py lists the modules, and the parent process reads that list without their tools.
    build = importlib.import_module(f"registry.compression.recipes.{recipe.module}").build
    target = job / FILENAME
    source = Source(model=model, samples=samples, threads=limits.threads, sizes=sizes)
    try:
        source = fixed_shape.apply(source, parameters=request.parameters)
        build(source, destination=target, parameters=request.parameters)
    except NotApplicable as reason:
        return BuildAnswer(not_applicable=str(reason))
    variant = target.read_bytes()
    compared = measurement.measure(source_data, variant, inputs=inputs, sizes=sizes, samples=samples)
    golden = self_test.make(variant, inputs=inputs, sizes=sizes, samples=samples, gate=recipe.gate)
    measured: Measured = {**compared, "size": len(variant), "seconds": round(time.perf_counter() - started, 3)}
    domains = {node.domain for node in walking.iterate_nodes(onnx.load_model_from_string(variant))}
    machine = measurement.describe_machine()
    return BuildAnswer(built=Built(domains=sorted(domains), measured=measured, measured_on=machine, golden=golden))


def _read_samples(request: BuildRequest, *, inputs: list[TensorSpec], job: Path, limits: Limits) -> Samples | None:
    if request.calibration is None:
        return None
    return read_samples(Path(request.calibration), inputs=inputs, folder=job / "tmp", limits=limits)
