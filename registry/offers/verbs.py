"""Verbs of offers. ``fix`` is a part of every act that makes a version offerable; ``put`` is an act of its own.

A variant that becomes READY later waits: the next ``fix`` leaves an offer that exists as it is (docs/adr/0033).
"""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from core import audit
from core.actors import Actor
from core.errors import Invalid
from registry import preconditions
from registry.compression.targets import get_target, load_targets
from registry.models import ModelVersion, Offer, RegisteredModel, Variant, next_release_counter
from registry.offers import offerable, order, queries
from registry.preconditions import RevisionChanged
from registry.states import VariantStatus


class OfferChanged(RevisionChanged):
    """Another caller changed the offer first: its revision is not the one in ``If-Match``."""

    code = "offer_changed"


def fix(version: ModelVersion, *, release_counter: int = 0, targets: Iterable[str] | None = None) -> None:
    """Fix what devices of each target are offered of a version, where no earlier act did. Call it in the act's transaction.

    ``targets`` are those that the act makes the version offerable to; None means every target. A target whose READY variants,
    fall-backs included, are none gets no offer.
    """
    ready = list(Variant.objects.filter(version_id=version.pk, status=VariantStatus.READY))
    fixed = set(Offer.objects.filter(version_id=version.pk).values_list("target", flat=True))
    wanted = {*load_targets(), *(variant.target for variant in ready)} if targets is None else set(targets)
    chosen = {target: queries.choose(ready, target=target, preset=version.preset) for target in sorted(wanted - fixed)}
    rows = [
        Offer(
            version_id=version.pk,
            target=target,
            variant_ids=[variant.pk for variant in variants],
            release_counter=release_counter,
        )
        for target, variants in chosen.items()
        if variants
    ]
    if rows:
        # Two acts at the same time fix the same; the first one stands.
        Offer.objects.bulk_create(rows, ignore_conflicts=True)


@transaction.atomic
def put(version: ModelVersion, target: str, *, variant_id: int, if_match: str | None, actor: Actor) -> None:
    """Offer a variant before all others to devices of a target, as a person asks. The same head again changes nothing.

    Takes the model's next release counter. An offer that exists needs ``If-Match``; without one this fixes it.

    Raises:
        UnknownTarget: There is none of that name.
        Invalid: The variant is none of the version's, or was built for a target that is no fall-back of this one.
        VersionNotOfferable: The version is not READY, or is quarantined.
        VariantNotOfferable: The variant is neither READY nor unmeasured, or has no signed file.
        IfMatchRequired: The offer exists, and the caller names no revision.
        OfferChanged: The caller names another revision, or there is no offer yet.
    """
    get_target(target)
    # The lock orders this act among all acts on the model.
    RegisteredModel.objects.select_for_update(no_key=True).get(pk=version.model_id)
    offer = Offer.objects.filter(version=version, target=target).first()
    preconditions.check("offer", revision=offer.revision if offer else None, if_match=if_match, changed=OfferChanged)
    offerable.check_version(version)
    variant = _find(version, target, variant_id)
    before = offer.variant_ids if offer else []
    base = before or [each.pk for each in queries.foresee(version, [target])[target]]
    after = order.move_to_head(base, head=variant.pk)
    if offer is not None and after == before:
        return
    counter = next_release_counter(version.model_id)
    Offer.objects.update_or_create(
        version=version,
        target=target,
        defaults={
            "variant_ids": after,
            "release_counter": counter,
            "revision": offer.revision + 1 if offer else 1,
            "updated_at": timezone.now(),
        },
    )
    audit.record(
        actor,
        action="offer",
        object_type="version",
        object_id=version,
        before={"target": target, "variants": before},
        after={"target": target, "variants": after, "recipe": variant.recipe, "release_counter": counter},
    )


def _find(version: ModelVersion, target: str, variant_id: int) -> Variant:
    # Locked, so that no rebuild replaces the row before the offer names it.
    rows = Variant.objects.select_for_update(of=("self",)).filter(version=version)
    variant = rows.filter(pk=variant_id).first()
    if variant is None:
        raise Invalid.field("variant", f"{variant_id} is no variant of {version}.")
    fitting = queries.order_of(target)
    if variant.target not in fitting:
        raise Invalid.field(
            "variant", f"was built for {variant.target}; {target} runs those for {' or '.join(fitting)}."
        )
    offerable.check_variant(variant)
    return variant
