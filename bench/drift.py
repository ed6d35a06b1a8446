"""Measure the time of an answer about drift, and show that more records do not take longer: `python -m bench.drift`.

1. `analytics.drift.version_drift.get` from the database over 1 million and 10 million records in the same buckets, beside the plain PSI
   of NumPy over the raw class ids, with `psi_raw` equal to it.
2. The data of the drift page for the whole fleet: 1,000 devices × 72 hours, the 95th percentile of the time in the server.

Exits with 1 if a bar is missed.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from bench import installation

CLASSES = 10
SEED = 20_260_504
MODEL = "digits"
AT = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
MAX_RATIO = 1.2
MAX_P95_MS = 50.0
REPEATS = 15

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fleet:
    """Raw records as columns, with the number of buckets and devices."""

    devices: int
    hours: int
    device: Integers
    hour: Integers
    class_id: Integers
    confidence: Integers
    latency: Integers

    @property
    def begin(self) -> datetime:
        """The first bucket."""
        return AT.replace(minute=0) - timedelta(hours=self.hours - 1)


def main() -> int:
    """Print every figure beside its bar; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000, help="records of the smaller run (default 1,000,000)")
    arguments = parser.parse_args()
    with installation.engines():
        print(installation.describe_machine())
        baseline = _choose(np.random.default_rng(SEED), 20_000)
        _add_baseline(baseline)
        sizes = [arguments.records, 10 * arguments.records]
        medians = [_report_answer(f"1.{index}.0", size, baseline) for index, size in enumerate(sizes)]
        ratio = medians[1] / medians[0]
        print(f"ten times the records take {ratio:.2f} × the time (bar: at most {MAX_RATIO})")
        p95 = _report_page("2.0.0")
    return 0 if ratio <= MAX_RATIO and p95 <= MAX_P95_MS else 1


def _report_answer(version: str, size: int, baseline: Integers) -> float:
    random = np.random.default_rng(SEED + size)
    fleet = _simulate(random, devices=100, hours=24, size=size)
    rows = _roll_up(fleet, version=version)
    ours = _times(lambda: _ask(version, hours=24))
    found = _ask(version, hours=24)
    plain = _times(lambda: _plain_psi(fleet.class_id, baseline), repeats=5)
    difference = abs(float(found) - _plain_psi(fleet.class_id, baseline))
    if difference > 1e-9:
        raise AssertionError(f"psi_raw differs from the plain definition by {difference}")
    median, beside = statistics.median(ours), statistics.median(plain)
    print(
        f"{size:>10,} records of 100 devices in 24 hours ({rows:,} rows): drift.get {median:.1f} ms; plain PSI of NumPy over"
        f" the class ids in memory {beside:.1f} ms; {beside / median:.1f} ×; psi_raw differs by {difference:.0e}"
    )
    return median


def _report_page(version: str) -> float:
    fleet = _simulate(np.random.default_rng(SEED), devices=1_000, hours=72, size=7_200_000)
    rows = _roll_up(fleet, version=version)
    print(f"drift page of the whole fleet, 1,000 devices × 72 hours stored ({rows:,} rows):")
    p95 = 0.0
    for hours in (24, 72):
        times = sorted(_times(lambda hours=hours: _ask(version, hours=hours), repeats=40))
        p95 = times[int(0.95 * len(times))]
        bar = f" (bar: at most {MAX_P95_MS:g} ms)" if hours == 72 else ""
        print(f"  last {hours} hours: p50 {statistics.median(times):.1f} ms, p95 {p95:.1f} ms{bar}")
    return p95


def _ask(version: str, *, hours: int) -> float:
    from analytics.drift import version_drift
    from analytics.drift.queries import VersionName
    from ingest.roll_ups.keys import FLEET

    found = version_drift.get(VersionName(MODEL, version), scope=FLEET, length=timedelta(hours=hours), at=AT)
    return found.psi_raw or 0.0


def _times(act: Callable[[], object], *, repeats: int = REPEATS) -> list[float]:
    """Return the milliseconds of each run after a warm-up."""
    act()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        act()
        times.append(1000 * (time.perf_counter() - began))
    return times


def _plain_psi(current: Integers, baseline: Integers) -> float:
    a = np.maximum(np.bincount(current, minlength=CLASSES) / len(current), 1e-6)
    b = np.maximum(np.bincount(baseline, minlength=CLASSES) / len(baseline), 1e-6)
    return float(np.sum((a - b) * np.log(a / b)))


def _choose(random: np.random.Generator, size: int) -> Integers:
    return random.choice(CLASSES, size=size, p=np.random.default_rng(SEED).dirichlet(np.full(CLASSES, 5.0)))


def _simulate(random: np.random.Generator, *, devices: int, hours: int, size: int) -> Fleet:
    from registry.baselines.histograms import confidence_bins, latency_bins

    return Fleet(
        devices=devices,
        hours=hours,
        device=random.integers(devices, size=size),
        hour=random.integers(hours, size=size),
        class_id=_choose(random, size),
        confidence=confidence_bins(random.beta(8, 2, size=size)),
        latency=latency_bins(random.lognormal(1.5, 0.2, size=size)),
    )


def _roll_up(fleet: Fleet, *, version: str) -> int:
    """Store the folded roll-ups of these records; return the number of rows."""
    from django.db import connection

    from fleet.models import Device

    names = [f"edge-{number:04}" for number in range(fleet.devices)]
    Device.objects.bulk_create([Device(device_id=name, target="generic-cpu") for name in names], ignore_conflicts=True)
    scopes = [("fleet", [""], np.zeros_like(fleet.device)), ("device", names, fleet.device)]
    scopes.insert(1, ("target", ["generic-cpu"], np.zeros_like(fleet.device)))
    columns = "bucket_at, bucket_seconds, scope_kind, scope_value, model, version, metric, bins, counts, is_folded"
    count = 0
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY ingest_rollup ({columns}) FROM STDIN") as copy:
            for kind, values, scope in scopes:
                for metric in ("class", "confidence", "latency"):
                    for place, hour, bins, counts in _histograms(fleet, scope, getattr(fleet, _COLUMNS[metric])):
                        at = fleet.begin + timedelta(hours=hour)
                        copy.write_row((at, 3600, kind, values[place], MODEL, version, metric, bins, counts, True))
                        count += 1
        cursor.execute("VACUUM ANALYZE ingest_rollup")
    return count


_COLUMNS = {"class": "class_id", "confidence": "confidence", "latency": "latency"}


def _histograms(fleet: Fleet, scope: Integers, column: Integers) -> Iterator[tuple[int, int, list[int], list[int]]]:
    lowest = int(column.min())
    width = int(column.max()) - lowest + 1
    places = int(scope.max()) + 1
    cells = np.bincount(
        (scope * fleet.hours + fleet.hour) * width + column - lowest, minlength=places * fleet.hours * width
    )
    for index, row in enumerate(cells.reshape(-1, width)):
        bins = np.flatnonzero(row)
        yield index // fleet.hours, index % fleet.hours, (bins + lowest).tolist(), row[bins].tolist()


def _add_baseline(classes: Integers) -> None:
    from registry.baselines.histograms import statistics_of
    from registry.baselines.inference_records import InferenceRecord
    from registry.models import Baseline, Blob, ModelVersion, RegisteredModel

    model = RegisteredModel.objects.create(slug=MODEL)
    blob = Blob.objects.create(sha256="0" * 64, size=1)
    records = [
        InferenceRecord(timestamp=0, latency_ms=4.5, model_version="1.0.0", confidence=0.9, class_id=int(class_id))
        for class_id in classes
    ]
    for number in ("1.0.0", "1.1.0", "2.0.0"):
        version = ModelVersion.objects.create(model=model, number=number, source=blob, status="ready")
        Baseline.objects.create(
            version=version, source="upload", samples=len(records), statistics=statistics_of(records), blob=blob
        )


if __name__ == "__main__":
    sys.exit(main())
