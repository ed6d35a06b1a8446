"""Hardware targets, recipes, and the public keys."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.endpoint import Endpoint
from core.api.paging import page_of
from core.roles import Area
from registry.api.answers import RecipeAnswer, SigningKeysAnswer, TargetAnswer
from registry.compression.recipes import RECIPES
from registry.compression.targets import load_targets
from registry.manifests import configured_keys


class Targets(Endpoint):
    """Hardware targets."""

    area = Area.MODELS

    @extend_schema(operation_id="list_targets", responses=page_of(TargetAnswer))
    def get(self, request: Request) -> Response:  # noqa: ARG002 - DRF's signature
        """List every hardware target; they all fit on one page."""
        return Response({"results": [TargetAnswer.of(target) for target in load_targets().values()], "next": None})


class Recipes(Endpoint):
    """Compression recipes."""

    area = Area.MODELS

    @extend_schema(operation_id="list_recipes", responses=page_of(RecipeAnswer))
    def get(self, request: Request) -> Response:  # noqa: ARG002 - DRF's signature
        """List every recipe that this release builds; they all fit on one page."""
        return Response({"results": [RecipeAnswer.of(recipe) for recipe in RECIPES.values()], "next": None})


class SigningKeys(Endpoint):
    """Public keys. They are open to everybody: verifying a download needs no account."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="list_signing_keys", auth=[], responses=SigningKeysAnswer)
    def get(self, request: Request) -> Response:  # noqa: ARG002 - DRF's signature
        """List the keys, the current one first."""
        return Response(SigningKeysAnswer.of({"keys": configured_keys.public_keys()}))
