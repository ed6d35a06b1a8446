"""Accept a variant whose calibration samples look wrong: a person vouches for them, and the variant is READY."""

from typing import ClassVar

from django.db import transaction

from core import audit
from core.actors import Actor
from core.errors import Conflict, Missing
from registry.models import ModelVersion, Variant
from registry.states import VERIFIED, VariantStatus


class UnknownVariant(Missing):
    """The version has no such variant."""

    code: ClassVar[str] = "unknown_variant"


class CannotAccept(Conflict):
    """Nobody doubts the calibration of the variant, or its version is over."""

    code: ClassVar[str] = "cannot_accept_calibration"


@transaction.atomic
def accept_calibration(version: ModelVersion, variant_id: int, *, reason: str, actor: Actor) -> Variant:
    """Make a variant READY whose calibration a person vouches for. Its signed file was published by the build.

    No device is given the variant by this: what is offered changes by an act (``registry.offers``). Accepting it again changes
    nothing.

    Raises:
        UnknownVariant: The version has no such variant.
        CannotAccept: It is in another state, has no signed file, or its version is rejected or retired.
    """
    # Locks in the order of ``registry.builder.recording``: the rows of variants, then that of the version at the end.
    rows = Variant.objects.select_for_update(of=("self",)).select_related("version__model")
    variant = rows.filter(version=version, pk=variant_id).first()
    if variant is None:
        raise UnknownVariant(f"{version} has no variant {variant_id}.")
    if variant.status == VariantStatus.READY:
        return variant
    _check(variant)
    before = {"variant": variant.pk, "recipe": variant.recipe, "target": variant.target, "status": variant.status}
    variant.status = VariantStatus.READY
    variant.save(update_fields=["status"])
    after = {**before, "status": variant.status, "reason": reason, "doubts": variant.reason}
    audit.record(
        actor, action="accept_calibration", object_type="version", object_id=version, before=before, after=after
    )
    return variant


def _check(variant: Variant) -> None:
    if variant.status != VariantStatus.SUSPECT_CALIBRATION:
        state = variant.status.replace("_", " ")
        raise CannotAccept(f"The variant {variant.pk} is {state}; only a suspect calibration is accepted.")
    if not variant.has_signed_file:
        raise CannotAccept(f"The variant {variant.pk} has no signed file; build its target again.")
    if variant.version.status not in VERIFIED:
        raise CannotAccept(f"{variant.version} is {variant.version.status}; nothing of it is offered.")
