"""Build the detector and the reader of ddddocr, beside ONNX Runtime's own quantizer: `python -m bench.real_models`.

Both get the same samples for ranges, and are judged on other samples. Pictures are drawn by a script, and those that judge come from
another seed. The recipes run in this process, without the sandbox. Speed is that of one thread, in turn with the source.
"""

import argparse
import importlib
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx

from bench import environments

ROOT = Path(__file__).resolve().parents[1]
MODELS = {"detector": "common_det.onnx", "reader": "common.onnx"}
COUNTS = {"detector": (48, 24), "reader": (96, 64)}
RECIPES = ("mixed-int8", "int8-storage")


def main() -> None:
    """Print a line for each model and method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", choices=list(MODELS), default=list(MODELS))
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}; VNNI: {'vnni' in Path('/proc/cpuinfo').read_text()}")
    with tempfile.TemporaryDirectory() as name:
        for model in options.models:
            bench_model(model, folder=Path(name))


def bench_model(kind: str, *, folder: Path) -> None:
    """Build by each recipe and by the peer, and compare with the source."""
    source = environments.find_ddddocr() / MODELS[kind]
    calibration, evaluation = (
        draw(kind, count, seed=seed, path=folder / f"{kind}-{seed}.npz")
        for seed, count in enumerate(COUNTS[kind], start=1)
    )
    for recipe in RECIPES:
        started = time.perf_counter()
        built = build(source, calibration, recipe=recipe, folder=folder)
        show(f"{kind} {recipe}", source, built, evaluation, seconds=time.perf_counter() - started)
    started = time.perf_counter()
    built = quantize_by_peer(source, calibration, folder=folder)
    show(f"{kind} ORT quantize_static, Percentile", source, built, evaluation, seconds=time.perf_counter() - started)


def draw(kind: str, count: int, *, seed: int, path: Path) -> Path:
    """Draw pictures in the environment that has Pillow."""
    script = ROOT / "bench" / "peers" / "pictures.py"
    subprocess.run([environments.find_python("torch"), script, kind, str(count), str(seed), path], check=True)
    return path


def build(source: Path, calibration: Path, *, recipe: str, folder: Path) -> Path:
    """Build by a recipe of ours; all calibration samples but those held out are its own."""
    from registry.compression.calibration.samples import read_samples
    from registry.compression.intake import interface, opening
    from registry.compression.recipes import RECIPES as KNOWN
    from registry.compression.recipes.source import Source
    from registry.compression.sandbox.limits import Limits

    limits = Limits(memory_bytes=8 << 30, cpu_seconds=3600, wall_seconds=3600.0)
    model = opening.open_checked(source, limits=limits)
    inputs, _ = interface.read(model, limits=limits)
    samples = read_samples(calibration, inputs=inputs, folder=folder, limits=limits)
    target = folder / f"{recipe}.onnx"
    known = KNOWN[recipe]
    module = importlib.import_module(f"registry.compression.recipes.{known.module}")
    module.build(Source(model=model, samples=samples, threads=2), destination=target, parameters=known.parameters)
    return target


def quantize_by_peer(source: Path, calibration: Path, *, folder: Path) -> Path:
    """Quantize by ONNX Runtime's documented path, after its own preprocessing and from opset 13."""
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    ((name, pictures),) = np.load(calibration).items()

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.feeds = iter(pictures[: len(pictures) // 2])

        def get_next(self) -> dict | None:
            picture = next(self.feeds, None)
            return None if picture is None else {name: picture[None]}

    raised, ready, target = (folder / f"{step}.onnx" for step in ("raised", "ready", "peer"))
    onnx.save(onnx.version_converter.convert_version(onnx.load(source), 13), raised)
    quant_pre_process(str(raised), str(ready), skip_symbolic_shape=True)
    quantize_static(
        str(ready), str(target), Reader(), per_channel=True, calibrate_method=CalibrationMethod.Percentile,
        extra_options={"CalibPercentile": 99.999},
    )  # fmt: skip
    return target


def show(what: str, source: Path, built: Path, evaluation: Path, *, seconds: float) -> None:
    """Print size, speed, noise and agreement on the evaluation samples."""
    from registry.compression.evaluation.comparison import new_comparison
    from registry.compression.evaluation.tasks import guessing
    from registry.compression.runtime import open_session
    from registry.compression.tensor_specs import TensorSpec

    ((name, pictures),) = np.load(evaluation).items()
    before, after = (open_session(path.read_bytes()) for path in (source, built))
    declared = [TensorSpec(output.name, "float32", tuple(output.shape)) for output in before.get_outputs()]
    task = guessing.guess(declared, before.run(None, {name: pictures[:1]}))
    comparison, ratios = new_comparison(task, image_size=pictures.shape[-2:]), []
    for picture in pictures:
        feed = {name: picture[None]}
        times = [time.perf_counter()]
        outputs = []
        for session in (before, after):
            outputs.append(session.run(None, feed))
            times.append(time.perf_counter())
        ratios.append((times[1] - times[0]) / (times[2] - times[1]))
        comparison.add(*outputs)
    numbers = comparison.summarize()
    size = source.stat().st_size / built.stat().st_size
    metric = numbers.get("metric")
    agreement = f"{metric['name']} {metric['value']:.4f}" if metric else "no metric of a task"
    figures = f"{size:.2f}x, {statistics.median(ratios):.2f}x, {numbers['sqnr_db']:.1f} dB, {agreement}"
    print(f"{what:<46} {figures:<52} built in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
