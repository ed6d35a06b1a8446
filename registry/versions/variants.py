"""Variants: choose the one to offer, and build more of them."""

from collections.abc import Sequence

from django.db import transaction

from core import audit
from core.actors import Actor
from core.errors import Conflict, Invalid, Missing
from registry import jobs
from registry.compression.targets import DEFAULT_TARGET, UnknownTarget, get_target
from registry.models import ModelVersion, Variant
from registry.offers import queries as offers
from registry.states import CLOSED, VERIFIED, JobKind


class NoReadyVariant(Missing):
    """The version has no READY variant for the target."""

    code = "no_ready_variant"


class CannotBuild(Conflict):
    """The version is in a state in which no variant is built."""

    code = "cannot_build"


def check_targets(targets: Sequence[str]) -> list[str]:
    """Return the targets without repetition, in their order; the default target if none is named.

    Raises:
        UnknownTarget: With the names that exist.
    """
    for name in targets:
        try:
            get_target(name)
        except UnknownTarget as error:
            error.extra["errors"] = [{"field": "targets", "message": error.detail}]
            raise
    return list(dict.fromkeys(targets)) or [DEFAULT_TARGET]


def best_ready(version: ModelVersion, target: str, *, recipe: str | None = None) -> Variant | None:
    """Return the variant that devices of this target are offered, with its file, manifests and signatures.

    Where no act has fixed an offer yet, that is the one that the next act would offer. ``recipe`` picks another: the first of
    that recipe in the offer, else the first READY one. One indexed query.

    Raises:
        UnknownTarget: There is none of that name.
    """
    get_target(target)
    offered, others = offers.list_choices(version, target)
    if recipe is None:
        return next(iter(offered), None)
    return next((variant for variant in [*offered, *others] if variant.recipe == recipe), None)


def get_ready(version: ModelVersion, target: str, *, recipe: str | None = None) -> Variant:
    """Return the variant that ``best_ready`` finds.

    Raises:
        UnknownTarget: There is none of that name.
        NoReadyVariant: No recipe, or not the named one, has a READY variant for the target or its fall-backs.
    """
    found = best_ready(version, target, recipe=recipe)
    if found is None:
        by = f" by {recipe[:64]}" if recipe else ""
        raise NoReadyVariant(f"{version} has no READY variant for {target}{by}.")
    return found


@transaction.atomic
def add_targets(
    version: ModelVersion, targets: Sequence[str], *, actor: Actor, preset: str | None = None
) -> ModelVersion:
    """Build for more targets; a target that was asked for before changes nothing. A READY version stays READY.

    With a preset that is not the version's own, the targets are built by that preset beside it.

    Raises:
        UnknownTarget: One has no such name.
        CannotBuild: The version is rejected or retired; with another preset also if it is not verified yet.
    """
    if not targets:
        raise Invalid.field("targets", "must name at least one target.")
    wanted = check_targets(targets)
    version = _lock_buildable(version)
    added = [name for name in wanted if name not in version.targets]
    if added:
        before = list(version.targets)
        version.targets = [*before, *added]
        version.save(update_fields=["targets"])
        audit.record(
            actor, action="add_targets", object_type="version", object_id=version, before=before, after=version.targets
        )
        queue_builds(version, added)
    if preset not in {None, version.preset}:
        _check_verified(version)
        after = {"targets": wanted, "preset": preset}
        audit.record(actor, action="build_preset", object_type="version", object_id=version, after=after)
        queue_builds(version, wanted, preset=preset)
    return version


@transaction.atomic
def rebuild(version: ModelVersion, target: str, *, actor: Actor) -> ModelVersion:
    """Try the recipes of a target again. READY variants never change; all others are built anew.

    Raises:
        UnknownTarget: There is none of that name.
        CannotBuild: The version is rejected or retired, or the target was never asked for.
    """
    check_targets([target])
    version = _lock_buildable(version)
    if target not in version.targets:
        raise CannotBuild(f"{version} was never asked for {target}; post it to …/variants first.")
    audit.record(actor, action="rebuild", object_type="version", object_id=version, after={"target": target})
    forgive(version)
    queue_builds(version, [target])
    return version


def forgive(version: ModelVersion) -> None:
    """Let the limits on the builders' time count from now on: a person asked for a build."""
    ModelVersion.objects.filter(pk=version.pk).update(builder_seconds=0, slow_recipes={})


@transaction.atomic
def build_all_recipes(version: ModelVersion, targets: Sequence[str], *, actor: Actor) -> ModelVersion:
    """Build every recipe that applies, side by side, for targets of the version; for all its targets if none is named.

    Raises:
        UnknownTarget: One has no such name.
        CannotBuild: The version is not verified yet, rejected or retired, or was never asked for a target.
    """
    version = _lock_buildable(version)
    _check_verified(version)
    wanted = check_targets(targets) if targets else list(version.targets)
    if missing := [name for name in wanted if name not in version.targets]:
        raise CannotBuild(f"{version} was never asked for {missing[0]}; post it to …/variants first.")
    audit.record(actor, action="build_all_recipes", object_type="version", object_id=version, after={"targets": wanted})
    forgive(version)
    queue_builds(version, wanted, builds_all_recipes=True)
    return version


def queue_builds(
    version: ModelVersion, targets: Sequence[str], *, builds_all_recipes: bool = False, preset: str | None = None
) -> None:
    """Queue a build per target, by the version's own preset if none is named.

    For an unverified version nothing is queued: the end of the verification does that.
    """
    if version.status in VERIFIED:
        for target in targets:
            jobs.queue(
                version,
                kind=JobKind.BUILD,
                target=target,
                preset=preset or version.preset,
                builds_all_recipes=builds_all_recipes,
            )


def _check_verified(version: ModelVersion) -> None:
    if version.status not in VERIFIED:
        raise CannotBuild(f"{version} is not verified yet; ask again when it is.")


def _lock_buildable(version: ModelVersion) -> ModelVersion:
    locked = ModelVersion.objects.select_for_update(of=("self",)).select_related("model").get(pk=version.pk)
    if locked.status in CLOSED:
        raise CannotBuild(f"{locked} is {locked.status}; no variant is built of it.")
    return locked
