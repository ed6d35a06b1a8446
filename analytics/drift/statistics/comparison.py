"""Compare the classes of a window with those of a baseline, from counts alone."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from analytics.drift.statistics import false_discovery, psi, severity
from analytics.drift.statistics.bins import ClassBins
from analytics.drift.statistics.severity import Status


@dataclass(frozen=True, slots=True)
class Reference:
    """The classes of a baseline, with the bins that they fix. One reference serves many comparisons."""

    classes: Mapping[str, int]
    bins: ClassBins
    samples: int

    @classmethod
    def of(cls, classes: Mapping[str, int]) -> "Reference":
        """Prepare a baseline that has samples."""
        return cls(classes=classes, bins=ClassBins.of(classes), samples=sum(classes.values()))


@dataclass(frozen=True, slots=True)
class BinShare:
    """One bin: its share in the baseline and now, and the term of the plain index that the two make."""

    bin: str
    baseline: float
    current: float | None
    contribution: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The numbers of one comparison. The indices are None where the window has no samples."""

    samples: int
    baseline_samples: int
    psi_raw: float | None
    psi_adjusted: float | None
    p_value: float | None
    noise_band: float | None
    required_samples: int
    bins: tuple[BinShare, ...]

    @property
    def is_sufficient(self) -> bool:
        """Whether the window has the samples that a judgment needs."""
        return self.samples >= self.required_samples

    def status(self, *, q_value: float | None = None) -> Status:
        """Judge the window. Where it is judged alone, the q value is its p value."""
        if not self.is_sufficient or self.psi_adjusted is None or self.p_value is None:
            return Status.INSUFFICIENT
        return severity.of_classes(self.psi_adjusted, q_value=self.p_value if q_value is None else q_value)


def compare(current: Mapping[str, int], *, reference: Reference, overdispersion: float) -> Comparison:
    """Compare a window's counts per class with a baseline's."""
    samples = sum(current.values())
    bins = len(reference.bins.names)
    counts = reference.bins.count(current)
    required = math.ceil(severity.required_samples(bins=bins, overdispersion=overdispersion))
    if not samples:
        shares = _shares(counts, reference=reference, samples=samples)
        return Comparison(0, reference.samples, None, None, None, None, required, shares)
    scale = psi.sampling_scale(samples, baseline_samples=reference.samples, overdispersion=overdispersion)
    index = psi.smoothed(counts, baseline=reference.bins.baseline_counts)
    noise = psi.noise_band(scale, bins=bins)
    return Comparison(
        samples=samples,
        baseline_samples=reference.samples,
        psi_raw=psi.raw(current, baseline=reference.classes),
        psi_adjusted=psi.adjusted(index, noise=noise),
        p_value=psi.p_value(index, scale=scale, bins=bins),
        noise_band=noise,
        required_samples=required,
        bins=_shares(counts, reference=reference, samples=samples),
    )


@dataclass(frozen=True, slots=True)
class Judgment:
    """The status of a comparison among those that are judged together. ``q_value`` is None where nothing was tested."""

    status: Status
    q_value: float | None


_Key = TypeVar("_Key")


def judge(compared: Mapping[_Key, Comparison]) -> dict[_Key, Judgment]:
    """Judge comparisons together. The q values are taken over those with enough samples; the others are not tested."""
    p_values = {key: row.p_value for key, row in compared.items() if row.is_sufficient and row.p_value is not None}
    q_values = dict(zip(p_values, false_discovery.q_values(list(p_values.values())), strict=True))
    return {key: Judgment(row.status(q_value=q_values.get(key)), q_values.get(key)) for key, row in compared.items()}


def _shares(counts: list[int], *, reference: Reference, samples: int) -> tuple[BinShare, ...]:
    shares = []
    for name, count, baseline_count in zip(reference.bins.names, counts, reference.bins.baseline_counts, strict=True):
        baseline = baseline_count / reference.samples
        current = count / samples if samples else None
        term = None if current is None else psi.contribution(current, baseline_share=baseline)
        shares.append(BinShare(name, baseline, current, term))
    return tuple(shares)
