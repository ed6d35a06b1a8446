"""Measure compression and print each figure beside its bar: `python -m bench.compression`.

1. digits: static INT8 through the sandbox, with the start of the child
2. MobileNetV2 topology (random weights): size and speed of static INT8 against its source, in the same run
3. a small transformer (random weights): size and speed of dynamic INT8 and of INT4 weights, without samples
4. our streaming calibrator beside ONNX Runtime's Percentile, each in its own process: time and peak memory
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / "examples" / "digits"
REPEATS = 5


def main() -> None:
    """Print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64, help="images of 224² for the calibrators (default 64)")
    parser.add_argument("--calibrate", choices=CALIBRATORS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.calibrate:
        calibrate(options.calibrate, folder=options.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench_digits(folder)
        prepare_mobilenet(folder, images=options.images)
        bench_mobilenet(folder)
        bench_transformer(folder)
        bench_calibrators(folder, images=options.images)


def bench_digits(folder: Path) -> None:
    """Time the intake and the recipe on the newest digits model."""
    source, calibration = sorted(DIGITS.glob("*.onnx"))[-1], DIGITS / "calibration.npz"
    rows = [build_timed(source, calibration, folder=folder) for _ in range(REPEATS)]
    inspected, built = (statistics.median(row[index] for row in rows) for index in (0, 1))
    measured = rows[-1][2]
    show("digits static INT8, sandbox included", f"{built:.2f} s (intake {inspected:.2f} s)", "≤ 2 s")
    lost = 100 * (measured["accuracy_before"] - measured["accuracy_after"])
    show("digits static INT8, accuracy lost", f"{lost:.2f} points", "≤ 0.6 points")
    show("digits static INT8, size", f"{measured['size_ratio']:.2f}x, {measured['sqnr_db']:.1f} dB", "")


def bench_mobilenet(folder: Path) -> None:
    """Print size and speed of the same recipe on MobileNetV2."""
    _, seconds, measured = build_timed(folder / "m.onnx", folder / "c.npz", folder=folder)
    speed = measured["source_latency_p50_ms"] / measured["latency_p50_ms"]
    gate = "≥ 1.8x" if has_vnni() else "no bar: this host has no VNNI"
    show("mnv2 static INT8, size", f"{measured['size_ratio']:.2f}x", "≥ 3.5x")
    show("mnv2 static INT8, speed-up on one thread", f"{speed:.2f}x (built in {seconds:.1f} s)", gate)


def bench_transformer(folder: Path) -> None:
    """Print size and speed of the recipes for matrix products."""
    from bench.transformer import save_transformer

    source = save_transformer(folder / "t.onnx", layers=6, width=384, heads=6)
    for recipe, smaller, faster in (("dynamic-int8", "≥ 3.8x", "≥ 2.5x"), ("weight-only-int4", "≥ 6x", "")):
        _, seconds, measured = build_timed(source, None, folder=folder, recipe=recipe)
        speed = measured["source_latency_p50_ms"] / measured["latency_p50_ms"]
        show(f"transformer {recipe}, size", f"{measured['size_ratio']:.2f}x, {measured['sqnr_db']:.1f} dB", smaller)
        gate = faster if has_vnni() else "no bar: this host has no VNNI"
        show(f"transformer {recipe}, speed-up on one thread", f"{speed:.2f}x (built in {seconds:.1f} s)", gate)


def has_vnni() -> bool:
    """Return whether this processor sums products of bytes in one instruction, which INT8 needs to be fast."""
    return "vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8")


def build_timed(
    source: Path, calibration: Path | None, *, folder: Path, recipe: str = "static-int8"
) -> tuple[float, float, dict]:
    """Return (seconds of the intake, seconds of the recipe, measurements), without the gates."""
    from registry.compression.attempts import build_attempts
    from registry.compression.inspections import inspect_model
    from registry.compression.recipes import RECIPES
    from registry.compression.sandbox.limits import Limits
    from registry.compression.targets import ChainStep, get_target

    target = get_target("generic-cpu")
    step = ChainStep(recipe=recipe, parameters=dict(RECIPES[recipe].parameters))
    only_int8 = replace(target, chain=(step,))
    started = time.perf_counter()
    limits = Limits(memory_bytes=4 << 30, cpu_seconds=600, wall_seconds=900.0)
    inspection, _ = inspect_model(source, scratch=folder, calibration=calibration, limits=limits)
    inspected = time.perf_counter()
    (attempt,) = build_attempts(
        source, only_int8, inspection=inspection, calibration=calibration, scratch=folder, limits=limits
    )
    return inspected - started, time.perf_counter() - inspected, attempt.measurements


def prepare_mobilenet(folder: Path, *, images: int) -> None:
    """Write the model, and this number of random images."""
    from bench.mobilenet import save_mobilenet

    save_mobilenet(folder / "m.onnx")
    pixels = np.random.default_rng(1).normal(size=(images, 3, 224, 224)).astype(np.float32)
    np.savez(folder / "c.npz", image=pixels)
    np.save(folder / "c.npy", pixels)


def bench_calibrators(folder: Path, *, images: int) -> None:
    """Run both calibrators, each in a fresh process, and compare."""
    ours, theirs = (run_calibrator(name, folder=folder) for name in CALIBRATORS)
    what = f"calibrator, {images} images of 224²"
    show(
        f"{what}, peak memory",
        f"{ours['megabytes']:.0f} MB, ORT Percentile {theirs['megabytes']:.0f} MB",
        "≤ 300 MB",
    )
    ratio = theirs["seconds"] / ours["seconds"]
    show(
        f"{what}, time",
        f"{ours['seconds']:.1f} s, ORT Percentile {theirs['seconds']:.1f} s ({ratio:.1f}x)",
        "≥ 4x faster",
    )


def run_calibrator(name: str, *, folder: Path) -> dict:
    """Run one calibrator in its own process."""
    command = [sys.executable, "-m", "bench.compression", "--calibrate", name, "--folder", str(folder)]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(shown.stdout.splitlines()[-1])


def calibrate(name: str, *, folder: Path) -> None:
    """Calibrate in this process and print seconds and peak memory as JSON."""
    pixels = np.load(folder / "c.npy", mmap_mode="r")
    started = time.perf_counter()
    CALIBRATORS[name](folder, pixels)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def stream(folder: Path, pixels: np.ndarray) -> None:
    """Calibrate with our one pass, which gives three ranges."""
    import onnx

    from registry.compression.calibration import ranges

    model = onnx.shape_inference.infer_shapes(onnx.load(folder / "m.onnx"))
    found = ranges.collect(model, ({"image": np.array(image[None])} for image in pixels))
    for method in ("minmax", "percentile", "mse"):
        found.choose(method)


def keep_everything(folder: Path, pixels: np.ndarray) -> None:
    """Calibrate with ONNX Runtime's Percentile."""
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, create_calibrator

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.images = iter(pixels)

        def get_next(self) -> dict | None:
            image = next(self.images, None)
            return None if image is None else {"image": np.array(image[None])}

    calibrator = create_calibrator(
        str(folder / "m.onnx"),
        augmented_model_path=str(folder / "augmented.onnx"),
        calibrate_method=CalibrationMethod.Percentile,
        extra_options={"num_bins": 2048, "percentile": 99.999},
    )
    calibrator.collect_data(Reader())
    calibrator.compute_data()


def show(what: str, figure: str, bar: str) -> None:
    """Print one figure beside its bar."""
    print(f"{what:<46} {figure:<52} {bar and f'bar {bar}'}", flush=True)


CALIBRATORS = {"ours": stream, "onnxruntime": keep_everything}

if __name__ == "__main__":
    main()
