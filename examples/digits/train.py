"""Train the digits classifiers of the demo on scikit-learn's `load_digits`, and export all files that the demo uploads.

1. Split the 1,797 images by class: training, validation (for the baselines), held-out (for the cameras). Only images of the
   training part are used for training and calibration.
2. Train 1.0.0 (small, few images, few epochs) and 2.0.0 (larger, every training image, augmented).
3. Export each to one ONNX file and compare it with PyTorch.
4. Measure accuracy, record baselines, and check that quiet cameras fit them and drifting ones do not.
5. Write the files and `metrics.json` beside this script, or to `--output`.
"""

import argparse
import json
import logging
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import images
import network
import numpy as np
import recording
import torch
from network import Part, Plan
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 20240731
HELD_OUT_COUNT = 450
VALIDATION_COUNT = 350
CALIBRATION_COUNT = 512
BASELINE_COUNT = 3000
QUIET_PSI_LIMIT = 0.02
DRIFTED_PSI_FLOOR = 0.4
METADATA = {
    "labels": [str(digit) for digit in range(10)],
    "preprocessing": {"image": f"ink levels 0..{images.INK_LEVELS} divided by {images.INK_LEVELS}"},
}


@dataclass(frozen=True, kw_only=True)
class Split:
    """Three disjoint parts of the data set, each with the class shares of the whole."""

    training: Part
    validation: Part
    held_out: Part


def split_digits() -> Split:
    """Split `load_digits`, always in the same way."""
    digits = load_digits()
    whole = Part(levels=digits.images.astype(np.uint8), labels=digits.target.astype(np.int64))
    rest, held_out = _cut(whole, count=HELD_OUT_COUNT)
    training, validation = _cut(rest, count=VALIDATION_COUNT)
    return Split(training=training, validation=validation, held_out=held_out)


def _cut(part: Part, *, count: int) -> tuple[Part, Part]:
    """Split off `count` images with the same shares of classes; return (the rest, the split-off part)."""
    rows = np.arange(len(part.labels))
    halves = train_test_split(rows, test_size=count, stratify=part.labels, random_state=SEED)
    left, cut = (Part(levels=part.levels[chosen], labels=part.labels[chosen]) for chosen in halves)
    return left, cut


def write_data(split: Split, *, output: Path) -> None:
    """Write the calibration samples (of the training part), the held-out images and the upload's metadata."""
    _, calibration = _cut(split.training, count=CALIBRATION_COUNT)
    samples = calibration.pictures[:, np.newaxis]
    np.savez_compressed(output / "calibration.npz", image=samples, labels=calibration.labels)
    np.savez_compressed(output / "heldout.npz", images=split.held_out.levels, labels=split.held_out.labels)
    _write_json(METADATA, output / "metadata.json")


def make_version(plan: Plan, *, split: Split, output: Path, pause_seconds: float) -> dict[str, object]:
    """Train, export, measure and record one version; return its entry in `metrics.json`."""
    part = split.training if plan.train_count is None else _cut(split.training, count=plan.train_count)[1]
    trained = network.train(plan, part=part, seed=SEED)
    path = output / f"digits-{plan.version}.onnx"
    network.export(trained, path=path)
    session = recording.open_session(path)
    baseline = recording.record_inferences(
        session,
        version=plan.version,
        pictures=split.validation.pictures,
        view=images.view_quietly,
        count=BASELINE_COUNT,
        rng=np.random.default_rng(SEED + 1),
        pause_seconds=pause_seconds,
    )
    recording.write_records(baseline, output / f"baseline-{plan.version}.jsonl")
    return {
        "version": plan.version,
        "parameters": sum(parameter.numel() for parameter in trained.parameters()),
        "bytes": path.stat().st_size,
        "trained_on": len(part.labels),
        "epochs": plan.epochs,
        "accuracy_validation": _measure_accuracy(session, split.validation),
        "accuracy_held_out": _measure_accuracy(session, split.held_out),
        "export_max_difference": network.compare(trained, path=path, pictures=split.held_out.pictures),
        "psi_quiet": _measure_shift(
            session, plan, baseline, pictures=split.held_out.pictures, view=images.view_quietly
        ),
        "psi_drifted": _measure_shift(
            session, plan, baseline, pictures=split.held_out.pictures, view=images.view_drifted
        ),
    }


def _measure_accuracy(session: recording.Session, part: Part) -> float:
    return round(recording.measure_accuracy(session, pictures=part.pictures, labels=part.labels), 4)


def _measure_shift(
    session: recording.Session,
    plan: Plan,
    baseline: list[recording.Record],
    *,
    pictures: images.Image,
    view: recording.View,
) -> float:
    """Return the PSI of the classes that cameras with this view report, against the baseline."""
    seen = recording.record_inferences(
        session,
        version=plan.version,
        pictures=pictures,
        view=view,
        count=BASELINE_COUNT,
        rng=np.random.default_rng(SEED + 2),
    )
    psi = recording.population_stability(recording.count_classes(baseline), recording.count_classes(seen))
    return round(psi, 4)


def find_faults(entry: dict[str, object]) -> list[str]:
    """Return the reasons why a version does not fit the demo, as sentences."""
    quiet, drifted = float(str(entry["psi_quiet"])), float(str(entry["psi_drifted"]))
    faults = []
    if quiet >= QUIET_PSI_LIMIT:
        faults.append(f"{entry['version']}: quiet cameras have PSI {quiet}, wanted below {QUIET_PSI_LIMIT}")
    if drifted <= DRIFTED_PSI_FLOOR:
        faults.append(f"{entry['version']}: drifting cameras have PSI {drifted}, wanted above {DRIFTED_PSI_FLOOR}")
    return faults


def _write_json(value: object, path: Path) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _quieten_exporter() -> None:
    """Silence warnings of PyTorch's exporter about itself and about torchvision, which is not used here."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module="copyreg")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder for the results")
    parser.add_argument("--rate", type=float, default=20.0, help="frames per second while recording; 0: no pause")
    return parser.parse_args()


def main() -> int:
    """Run the five steps; 1 if a version does not fit the demo."""
    arguments = parse_arguments()
    started = time.monotonic()
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    _quieten_exporter()
    torch.use_deterministic_algorithms(mode=True)
    split = split_digits()
    write_data(split, output=output)
    pause_seconds = 1 / arguments.rate if arguments.rate > 0 else 0.0
    entries = [make_version(plan, split=split, output=output, pause_seconds=pause_seconds) for plan in network.PLANS]
    counts = {name: len(part.labels) for name, part in vars(split).items()}
    metrics = {"seed": SEED, "images": counts, "baseline_samples": BASELINE_COUNT, "versions": entries}
    _write_json(metrics, output / "metrics.json")
    print(json.dumps(metrics, indent=2))
    faults = [fault for entry in entries for fault in find_faults(entry)]
    print("\n".join(faults) or "all versions fit the demo", f"({time.monotonic() - started:.0f} s)")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
