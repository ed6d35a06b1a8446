"""The REST endpoints of core: API tokens and the audit trail."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core import tokens
from core.api.authentication import actor_of
from core.api.paging import keyset_page, page_of
from core.api.strictness import StrictSerializer
from core.errors import Missing
from core.models import ApiToken, AuditEntry
from core.roles import Area, Role

PAGE_PARAMETERS = [OpenApiParameter("limit", int), OpenApiParameter("cursor", str)]


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One entry of the audit trail."""

    class Meta:
        model = AuditEntry
        fields = ["id", "at", "actor", "action", "object_type", "object_id", "before", "after"]


class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token in a list, without its text."""

    class Meta:
        model = ApiToken
        fields = ["id", "name", "role", "created_at", "created_by", "revoked_at"]


class NewTokenSerializer(StrictSerializer):
    """The body of a request for a new token."""

    name = serializers.CharField(max_length=100)
    role = serializers.ChoiceField(choices=[role.value for role in Role])


class CreatedTokenSerializer(NewTokenSerializer):
    """A new token with its text, which no later answer shows."""

    token = serializers.CharField()


class AuditTrail(APIView):
    """The audit trail, newest entries first."""

    area = Area.ADMINISTRATION

    @extend_schema(
        operation_id="list_audit_entries",
        parameters=[*PAGE_PARAMETERS, OpenApiParameter("object_type", str), OpenApiParameter("object_id", str)],
        responses=page_of(AuditEntrySerializer),
    )
    def get(self, request: Request) -> Response:
        """List audit entries."""
        wanted = {
            name: request.query_params[name] for name in ("object_type", "object_id") if name in request.query_params
        }
        rows = AuditEntry.objects.filter(**wanted)
        return Response(keyset_page(request, rows, descending=True, render=lambda row: AuditEntrySerializer(row).data))


class Tokens(APIView):
    """API tokens of programs."""

    area = Area.ADMINISTRATION

    @extend_schema(operation_id="list_tokens", parameters=PAGE_PARAMETERS, responses=page_of(ApiTokenSerializer))
    def get(self, request: Request) -> Response:
        """List tokens, newest first."""
        rows = ApiToken.objects.all()
        return Response(keyset_page(request, rows, descending=True, render=lambda row: ApiTokenSerializer(row).data))

    @extend_schema(operation_id="create_token", request=NewTokenSerializer, responses={201: CreatedTokenSerializer})
    def post(self, request: Request) -> Response:
        """Create a token. Only this answer shows its text."""
        form = NewTokenSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        role = Role(form.validated_data["role"])
        secret = tokens.create(form.validated_data["name"], role=role, actor=actor_of(request.user))
        return Response(
            {"token": secret, "role": role, "name": form.validated_data["name"]}, status=status.HTTP_201_CREATED
        )


class Token(APIView):
    """One API token."""

    area = Area.ADMINISTRATION

    @extend_schema(operation_id="revoke_token", responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke the token, from the next request on."""
        token = ApiToken.objects.filter(pk=token_id).first()
        if token is None:
            raise Missing(f"There is no API token {token_id}.")
        tokens.revoke(token, actor=actor_of(request.user))
        return Response(status=status.HTTP_204_NO_CONTENT)
