"""Rollouts, for operators."""

import uuid

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.authentication import actor_of
from core.api.endpoint import Endpoint
from core.api.paging import keyset_page, page_of
from core.api.views import PAGE_PARAMETERS
from core.errors import Invalid
from core.roles import Area
from fleet.api import bodies
from fleet.api.answers.rollouts import PreviewAnswer, RolloutAnswer, RolloutDetailAnswer
from fleet.api.bodies import ReasonBody, RolloutBody
from fleet.rollouts import members, plans, progress
from fleet.rollouts import queries as rollout_queries
from fleet.rollouts import verbs as rollouts
from fleet.rollouts.operator_verbs import OPERATOR_VERBS, OperatorVerb
from fleet.states import RolloutState, RolloutVerb


class Rollouts(Endpoint):
    """All rollouts."""

    area = Area.FLEET

    @extend_schema(
        operation_id="list_rollouts",
        parameters=[*PAGE_PARAMETERS, OpenApiParameter("model", str), OpenApiParameter("state", str)],
        responses=page_of(RolloutAnswer),
    )
    def get(self, request: Request) -> Response:
        """List rollouts, newest first."""
        state = request.query_params.get("state")
        if state is not None and state not in list(RolloutState):
            raise Invalid.field("state", f"must be one of {', '.join(RolloutState)}.")
        rows = rollout_queries.list_rollouts(model=request.query_params.get("model"), state=state)
        return Response(keyset_page(request, rows, key="created_at", descending=True, render=RolloutAnswer.of))

    @extend_schema(operation_id="create_rollout", request=RolloutBody, responses={201: RolloutDetailAnswer})
    def post(self, request: Request) -> Response:
        """Draft a rollout; ``…/start`` begins it."""
        plan = bodies.read(RolloutBody, request).plan()
        rollout = rollouts.create(plan, actor=actor_of(request.user))
        return _show(rollout.pk, status=201)


class RolloutPreview(Endpoint):
    """The devices that a rollout would reach."""

    area = Area.FLEET

    @extend_schema(operation_id="preview_rollout", request=RolloutBody, responses=PreviewAnswer)
    def post(self, request: Request) -> Response:
        """Say which devices, and how many bytes. Nothing is changed."""
        return Response(PreviewAnswer.of(plans.preview(bodies.read(RolloutBody, request).plan())))


class RolloutView(Endpoint):
    """One rollout."""

    area = Area.FLEET

    @extend_schema(operation_id="get_rollout", responses=RolloutDetailAnswer)
    def get(self, request: Request, rollout_id: uuid.UUID) -> Response:  # noqa: ARG002 - DRF's signature
        """Return it with its progress and its events."""
        return _show(rollout_id)


class RolloutVerbView(Endpoint):
    """A verb of an operator. In a state where it does not apply the answer is 409, with the verbs that do."""

    area = Area.FLEET
    # ``fleet.urls`` gives each address its own.
    verb: OperatorVerb = OPERATOR_VERBS[RolloutVerb.START]

    @extend_schema(request=ReasonBody, responses=RolloutDetailAnswer)
    def post(self, request: Request, rollout_id: uuid.UUID) -> Response:
        """Apply the verb of the address."""
        body = bodies.read(ReasonBody, request)
        self.verb.apply(rollout_id, actor=actor_of(request.user), reason=body.validated_data["reason"])
        return _show(rollout_id)


def _show(rollout_id: uuid.UUID, *, status: int = 200) -> Response:
    rollout = rollout_queries.list_rollouts().filter(pk=rollout_id).first()
    if rollout is None:
        raise rollouts.UnknownRollout(f"There is no rollout {rollout_id}.")
    standing = progress.measure(rollout, members=members.list_members_of(rollout), now=timezone.now())
    return Response(RolloutDetailAnswer.with_progress(rollout, progress=standing), status=status)
