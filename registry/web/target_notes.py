"""Sentences about the variants of a target: whose limits are in force, what to know of the numbers, and what to do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from console.formats import quantities
from registry.compression.budget import Budget, Limit, VariantLimits
from registry.compression.evaluation.advice import BuiltFact, Facts, advise
from registry.compression.recipes import RECIPES
from registry.compression.targets import HardwareTarget
from registry.versions.details import VariantDetails, VersionDetails


@dataclass(frozen=True, slots=True)
class Warned:
    """One sentence of warning, and the recipes whose variants carry the sentence."""

    sentence: str
    recipes: list[str]


def list_warnings(attempts: Sequence[VariantDetails]) -> list[Warned]:
    """Return the distinct warnings of the variants, in their order."""
    found: dict[str, Warned] = {}
    for attempt in attempts:
        for sentence in attempt.warnings:
            found.setdefault(sentence, Warned(sentence, [])).recipes.append(attempt.recipe or "")
    return list(found.values())


def list_advice(version: VersionDetails, attempts: Sequence[VariantDetails]) -> list[str]:
    """Return what would make the variants of a target better; nothing where none was measured."""
    built = [attempt for attempt in attempts if attempt.is_measured]
    if not built:
        return []
    known = version.sample_facts
    facts = Facts(
        built=[_describe_built(attempt) for attempt in built],
        samples=known["samples"] if known else None,
        has_labels=bool(known and known["has_labels"]),
        has_evaluation=version.has_evaluation,
        is_task_assumed=bool(version.task.get("is_assumed")),
    )
    return advise(facts)


def list_limits(version: VersionDetails, target: HardwareTarget) -> list[str]:
    """Return a sentence for each limit in force for the target, with who set it."""
    try:
        budget = Budget.from_json(version.budget)
    except msgspec.ValidationError:
        return []
    limits = budget.for_target(
        target.name, preset=version.preset, max_size_bytes=target.max_size_bytes, latency_ms=target.latency_budget_ms
    )
    return list(_describe_limits(limits))


def _describe_built(attempt: VariantDetails) -> BuiltFact:
    found, recipe = attempt.measurements, RECIPES.get(attempt.recipe or "")
    lost = None
    if found.accuracy_before is not None and found.accuracy_after is not None:
        lost = found.accuracy_before - found.accuracy_after
    return BuiltFact(
        title=attempt.recipe or "",
        size=attempt.size or 0,
        is_ready=attempt.is_ready,
        accuracy_lost=lost,
        agreement=found.agreement,
        sets_activation_ranges=bool(recipe and recipe.sets_activation_ranges),
    )


def _describe_limits(limits: VariantLimits) -> Iterator[str]:
    yield f"accuracy loss at most {_whose(limits.max_accuracy_loss, quantities.points)}"
    if limits.min_agreement:
        yield f"agreement at least {_whose(limits.min_agreement, quantities.percent)}"
    if limits.max_size_bytes:
        yield f"size at most {_whose(limits.max_size_bytes, quantities.size)}"
    if limits.latency_ms:
        yield f"latency at most {_whose(limits.latency_ms, quantities.milliseconds)}"
    if limits.recipes:
        yield f"recipes: {', '.join(limits.recipes)} (your choice)"
    if limits.exclude_nodes:
        yield f"{len(limits.exclude_nodes)} nodes stay in floating point (your choice)"


def _whose(limit: Limit, write: Callable[[float | None], str]) -> str:
    return f"{write(limit.value)} ({limit.set_by} limit)"
