"""The REST endpoints of core: API tokens and the audit trail."""

from dataclasses import dataclass

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from core import tokens
from core.api.answers import Answer, TimeField
from core.api.authentication import actor_of
from core.api.endpoint import Endpoint
from core.api.paging import keyset_page, page_of
from core.api.strictness import StrictBody
from core.errors import Missing
from core.models import ApiToken, AuditEntry
from core.roles import Area, Role

PAGE_PARAMETERS = [OpenApiParameter("limit", int), OpenApiParameter("cursor", str)]


class AuditEntryAnswer(Answer[AuditEntry]):
    """One entry of the audit trail."""

    id = serializers.IntegerField()
    at = TimeField()
    actor = serializers.CharField()
    action = serializers.CharField()
    object_type = serializers.CharField()
    object_id = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class ApiTokenAnswer(Answer[ApiToken]):
    """A token in a list, without its text."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=[role.value for role in Role])
    created_at = TimeField()
    created_by = serializers.CharField()
    revoked_at = TimeField(allow_null=True)


class ApiTokenBody(StrictBody):
    """The body of a request for a new token."""

    name = serializers.CharField(max_length=100)
    role = serializers.ChoiceField(choices=[role.value for role in Role])


@dataclass(frozen=True, slots=True)
class NewApiToken:
    """A token that was made just now, with its text."""

    name: str
    role: Role
    token: str


class NewApiTokenAnswer(Answer[NewApiToken]):
    """A new token with its text, which no later answer shows."""

    name = serializers.CharField()
    role = serializers.ChoiceField(choices=[role.value for role in Role])
    token = serializers.CharField()


class AuditTrail(Endpoint):
    """The audit trail, newest entries first."""

    area = Area.ADMINISTRATION

    @extend_schema(
        operation_id="list_audit_entries",
        parameters=[*PAGE_PARAMETERS, OpenApiParameter("object_type", str), OpenApiParameter("object_id", str)],
        responses=page_of(AuditEntryAnswer),
    )
    def get(self, request: Request) -> Response:
        """List audit entries."""
        wanted = {
            name: request.query_params[name] for name in ("object_type", "object_id") if name in request.query_params
        }
        rows = AuditEntry.objects.filter(**wanted)
        return Response(keyset_page(request, rows, descending=True, render=AuditEntryAnswer.of))


class Tokens(Endpoint):
    """API tokens of programs."""

    area = Area.ADMINISTRATION

    @extend_schema(operation_id="list_tokens", parameters=PAGE_PARAMETERS, responses=page_of(ApiTokenAnswer))
    def get(self, request: Request) -> Response:
        """List tokens, newest first."""
        rows = ApiToken.objects.all()
        return Response(keyset_page(request, rows, descending=True, render=ApiTokenAnswer.of))

    @extend_schema(operation_id="create_token", request=ApiTokenBody, responses={201: NewApiTokenAnswer})
    def post(self, request: Request) -> Response:
        """Create a token. Only this answer shows its text."""
        body = ApiTokenBody(data=request.data)
        body.is_valid(raise_exception=True)
        name, role = body.validated_data["name"], Role(body.validated_data["role"])
        text = tokens.create(name, role=role, actor=actor_of(request.user))
        return Response(NewApiTokenAnswer.of(NewApiToken(name, role, text)), status=status.HTTP_201_CREATED)


class Token(Endpoint):
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
