"""Offers: which variants of a version devices of a target are given."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.answers import Answer, TimeField
from core.api.authentication import actor_of
from core.api.endpoint import Endpoint
from core.api.paging import page_of
from core.api.strictness import StrictBody
from core.roles import Area
from registry.api.targets_in_addresses import check_target
from registry.models import Variant
from registry.offers import queries as offer_queries
from registry.offers import verbs as offers
from registry.offers.queries import OfferDetails
from registry.versions import queries


class OfferedVariantAnswer(Answer[Variant]):
    """A variant of an offer."""

    id = serializers.IntegerField(source="pk")
    target = serializers.CharField()
    preset = serializers.CharField()
    recipe = serializers.CharField()
    format = serializers.CharField()
    status = serializers.CharField()
    sha256 = serializers.CharField(source="file_id")
    size = serializers.IntegerField(source="file.size")


class OfferAnswer(Answer[OfferDetails]):
    """What devices of a target are offered: they take the first variant that they can run."""

    target = serializers.CharField()
    variants = OfferedVariantAnswer(many=True)
    release_counter = serializers.IntegerField()
    revision = serializers.IntegerField()
    etag = serializers.CharField()
    updated_at = TimeField()


class OfferBody(StrictBody):
    """The variant that shall go first."""

    variant = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class Offers(Endpoint):
    """The offers of a version."""

    area = Area.FLEET

    @extend_schema(operation_id="list_offers", responses=page_of(OfferAnswer))
    def get(self, request: Request, model: str, version: str) -> Response:  # noqa: ARG002 - DRF's signature
        """List the offers by target; they all fit on one page. A target that no act has offered to is not in it."""
        found = offer_queries.list_offers(queries.get_version(model, version))
        return Response({"results": [OfferAnswer.of(offer) for offer in found], "next": None})


class Offer(Endpoint):
    """The offer of a version to devices of one target."""

    area = Area.FLEET

    @extend_schema(operation_id="get_offer", responses=OfferAnswer)
    def get(self, request: Request, model: str, version: str, target: str) -> Response:  # noqa: ARG002 - DRF's signature
        """Show the offer, with its ETag."""
        check_target(target)
        return _answer(offer_queries.get_offer(queries.get_version(model, version), target))

    @extend_schema(
        operation_id="put_offer",
        parameters=[OpenApiParameter("If-Match", str, OpenApiParameter.HEADER)],
        request=OfferBody,
        responses=OfferAnswer,
    )
    def put(self, request: Request, model: str, version: str, target: str) -> Response:
        """Offer a variant before all others: an act. An offer that exists needs ``If-Match``."""
        check_target(target)
        body = OfferBody(data=request.data)
        body.is_valid(raise_exception=True)
        found = queries.get_version(model, version)
        offers.put(
            found,
            target,
            variant_id=body.validated_data["variant"],
            if_match=request.headers.get("If-Match"),
            actor=actor_of(request.user),
        )
        return _answer(offer_queries.get_offer(found, target))


def _answer(offer: OfferDetails) -> Response:
    return Response(OfferAnswer.of(offer), headers={"ETag": offer.etag})
