"""Advice for people, in sentences: what the variants of a target cost and gain, and what would make them better."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BuiltFact:
    """One recipe that made a file; sizes in bytes."""

    title: str
    size: int
    is_ready: bool = False
    accuracy_lost: float | None = None
    agreement: float | None = None
    sets_activation_ranges: bool = False


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a version's variants for one target."""

    built: Sequence[BuiltFact] = ()
    samples: int | None = None
    # What the largest preset or recipe that a person asked for needs.
    samples_needed: int = 64
    has_labels: bool = False
    has_evaluation: bool = False
    is_task_assumed: bool = False


def advise(facts: Facts) -> list[str]:
    """Return what to do, the most useful sentence first."""
    return [*_compare_losses(facts.built), *_on_samples(facts), *_on_task(facts)]


def _compare_losses(built: Sequence[BuiltFact]) -> list[str]:
    """Hold the smallest file against the one that loses least."""
    known = [fact for fact in built if _loss(fact) is not None]
    if len(known) < 2:
        return []
    smallest = min(known, key=lambda fact: fact.size)
    best = min(known, key=lambda fact: (_loss(fact) or 0.0, fact.size))
    if smallest is best or (_loss(smallest) or 0.0) - (_loss(best) or 0.0) < 0.001:
        return []
    larger = 100 * (best.size / smallest.size - 1)
    return [
        f"{smallest.title} loses {_points(smallest)} points; {best.title} loses {_points(best)} and is {larger:.0f} % larger."
    ]


def _loss(fact: BuiltFact) -> float | None:
    if fact.accuracy_lost is not None:
        return fact.accuracy_lost
    return None if fact.agreement is None else 1 - fact.agreement


def _points(fact: BuiltFact) -> str:
    return f"{100 * max(0.0, _loss(fact) or 0.0):.1f}"


def _on_samples(facts: Facts) -> list[str]:
    if facts.samples is None:
        return [
            "No calibration samples were given: with them, INT8 with quantized activations can be built and judged."
        ]
    sentences = []
    if facts.samples < facts.samples_needed:
        sentences.append(
            f"Needs {facts.samples_needed} samples, has {facts.samples}: upload a larger calibration file as a new version."
        )
    if not facts.has_evaluation:
        sentences.append("Give evaluation samples: then the quality is judged on data that nothing was chosen by.")
    if not facts.has_labels:
        sentences.append(
            "Add labels to the samples: then the accuracy before and after is measured, and the budget is kept."
        )
    return sentences


def _on_task(facts: Facts) -> list[str]:
    if not facts.is_task_assumed:
        return []
    return ["The task is a guess: say it in metadata.task, so that the right gate decides."]
