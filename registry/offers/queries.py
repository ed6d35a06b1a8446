"""Reads of offers: what is fixed, and what the next act would fix."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet, Subquery

from core.errors import Missing
from registry import preconditions
from registry.compression.targets import list_with_fallbacks, load_targets
from registry.models import ModelVersion, Offer, Variant
from registry.offers import order
from registry.states import OFFERABLE_VARIANTS, VariantStatus


class NoOffer(Missing):
    """No act has made the version offerable to devices of the target yet."""

    code = "no_offer"


@dataclass(frozen=True, slots=True)
class OfferDetails:
    """An offer with its variants, for answers and pages."""

    target: str
    variants: Sequence[Variant]
    release_counter: int
    revision: int
    updated_at: datetime

    @property
    def variant_ids(self) -> list[int]:
        """The ids in their order."""
        return [variant.pk for variant in self.variants]

    @property
    def etag(self) -> str:
        """The entity tag, as ``If-Match`` repeats it."""
        return preconditions.etag(self.revision)


def list_offers(version: ModelVersion) -> list[OfferDetails]:
    """Return every offer of a version by target, in two queries."""
    by_id = _readable_by_id(version)
    return [_describe(offer, by_id) for offer in Offer.objects.filter(version=version).order_by("target")]


def get_offer(version: ModelVersion, target: str) -> OfferDetails:
    """Return the offer of a version to devices of a target.

    Raises:
        NoOffer: There is none yet.
    """
    found = Offer.objects.filter(version=version, target=target).first()
    if found is None:
        raise NoOffer(f"{version} has no offer for {target} yet; the next act that makes it offerable fixes one.")
    return _describe(found, _readable_by_id(version))


def list_fixed(version: ModelVersion, targets: Iterable[str]) -> Mapping[str, Sequence[Variant]]:
    """Return what is offered to devices of each target now; nothing where no act has fixed an offer."""
    fixed = dict(Offer.objects.filter(version=version).values_list("target", "variant_ids"))
    by_id = _readable_by_id(version) if fixed else {}
    return {target: _pick(fixed.get(target, []), by_id) for target in targets}


def foresee(version: ModelVersion, targets: Iterable[str]) -> Mapping[str, Sequence[Variant]]:
    """Return what is offered to devices of each target once an act makes the version offerable to them."""
    fixed = dict(Offer.objects.filter(version=version).values_list("target", "variant_ids"))
    by_id = _readable_by_id(version)
    return {
        target: _pick(fixed[target], by_id)
        if target in fixed
        else choose(by_id.values(), target=target, preset=version.preset)
        for target in targets
    }


def list_choices(version: ModelVersion, target: str) -> tuple[Sequence[Variant], Sequence[Variant]]:
    """Return what devices of a target are offered, as ``foresee`` does, and the other READY variants that fit; in one query."""
    fixed = Offer.objects.filter(version=version, target=target).values("variant_ids")
    by_id = {variant.pk: variant for variant in _readable(version.pk).annotate(fixed_ids=Subquery(fixed))}
    ready = choose(by_id.values(), target=target, preset=version.preset)
    ids = next((variant.fixed_ids for variant in by_id.values()), None)
    offered = ready if ids is None else _pick(ids, by_id)
    return offered, [variant for variant in ready if variant not in offered]


def choose(variants: Iterable[Variant], *, target: str, preset: str) -> list[Variant]:
    """Return the READY ones of the variants in the order in which an act offers them to devices of a target."""
    ready = [variant for variant in variants if variant.status == VariantStatus.READY]
    return order.choose_order(ready, targets=order_of(target), preset=preset)


def order_of(target: str) -> Sequence[str]:
    """Return a target and its fall-backs in order; a target that is no longer known stands alone."""
    return list_with_fallbacks(target) if target in load_targets() else [target]


def _readable(version_id: int) -> QuerySet[Variant]:
    rows = Variant.objects.select_related(
        "file", "manifest", "signature", "manifest_schema_2", "signature_schema_2", "version"
    )
    return rows.filter(version_id=version_id, status__in=OFFERABLE_VARIANTS, file__isnull=False)


def _readable_by_id(version: ModelVersion) -> dict[int, Variant]:
    return {variant.pk: variant for variant in _readable(version.pk)}


def _pick(ids: Iterable[int], by_id: Mapping[int, Variant]) -> list[Variant]:
    return [by_id[pk] for pk in ids if pk in by_id]


def _describe(offer: Offer, by_id: Mapping[int, Variant]) -> OfferDetails:
    return OfferDetails(
        target=offer.target,
        variants=_pick(offer.variant_ids, by_id),
        release_counter=offer.release_counter,
        revision=offer.revision,
        updated_at=offer.updated_at,
    )
