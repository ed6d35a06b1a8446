"""Write the rows of a target's variants at the end of its build."""

from collections.abc import Mapping, Sequence
from dataclasses import fields

from registry.builder.publishing import Published
from registry.compression.attempts import Attempt
from registry.compression.targets import HardwareTarget
from registry.models import ModelVersion, Variant
from registry.states import OFFERABLE_VARIANTS

_FILES = tuple(field.name for field in fields(Published))


def record(
    version: ModelVersion,
    target: HardwareTarget,
    attempts: Sequence[Attempt],
    *,
    preset: str,
    published: Mapping[str, Published],
) -> None:
    """Write a row for each attempt; ``published`` has the files, by the digest of the recipe.

    A row that devices may have been offered stays as it is, for its manifest is signed. Other rows that come from the same
    recipe under another digest are removed: this build took their place.
    """
    tried = {attempt.recipe_digest for attempt in attempts}
    rows = Variant.objects.filter(version=version, target=target.name, preset=preset)
    # Locked, so that no person accepts or offers a variant whose row this build replaces.
    found = list(rows.select_for_update().values_list("recipe_digest", "status"))
    offerable = {digest for digest, status in found if status in OFFERABLE_VARIANTS}
    replaced = rows.filter(recipe__in={attempt.recipe for attempt in attempts}).exclude(recipe_digest__in=tried)
    replaced.exclude(status__in=OFFERABLE_VARIANTS).delete()
    for rank, attempt in enumerate(attempts):
        if attempt.recipe_digest not in offerable:
            files = published.get(attempt.recipe_digest)
            Variant.objects.update_or_create(
                version=version,
                target=target.name,
                preset=preset,
                recipe_digest=attempt.recipe_digest,
                defaults=_columns(attempt, rank=rank) | {name: getattr(files, name, None) for name in _FILES},
            )


def _columns(attempt: Attempt, *, rank: int) -> dict[str, object]:
    return {
        "recipe": attempt.recipe,
        "rank": rank,
        "status": attempt.status,
        "reason": attempt.reason,
        "format": attempt.format,
        "filename": attempt.filename,
        "measurements": attempt.measurements or {},
        "measured_on": attempt.measured_on,
        "warnings": list(attempt.warnings),
    }
