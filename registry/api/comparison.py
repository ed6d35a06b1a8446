"""The comparison of two versions of a model."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.answers import Answer
from core.api.endpoint import Endpoint
from core.errors import Invalid
from core.roles import Area
from registry.api.answers import VERSION_STATUSES, TensorAnswer, VariantAnswer
from registry.compression.tensor_specs import TensorBody
from registry.versions import comparison
from registry.versions.comparison import ChangedSample, Comparison, Pair, SamplesCompared
from registry.versions.details import VariantDetails, VersionDetails


class ComparedVersionAnswer(Answer[VersionDetails]):
    """One of the two versions."""

    version = serializers.CharField(source="number")
    status = serializers.ChoiceField(choices=VERSION_STATUSES)
    sha256 = serializers.CharField()
    size = serializers.IntegerField()


class ComparedNumberAnswer(Answer[Pair[int]]):
    """One number of both; null where a version does not have it."""

    # The name "from" is a word of Python, so it can only be given as text.
    name = serializers.CharField()
    locals()["from"] = serializers.IntegerField(source="before", allow_null=True)
    to = serializers.IntegerField(source="after", allow_null=True)
    is_same = serializers.BooleanField()


class ComparedTensorAnswer(Answer[Pair[TensorBody]]):
    """An input or output of both, by its name."""

    name = serializers.CharField()
    locals()["from"] = TensorAnswer(source="before", allow_null=True)
    to = TensorAnswer(source="after", allow_null=True)
    is_same = serializers.BooleanField()


class ComparedTargetAnswer(Answer[Pair[VariantDetails]]):
    """The variant that devices of a target are offered of each version."""

    target = serializers.CharField(source="name")
    locals()["from"] = VariantAnswer(source="before", allow_null=True)
    to = VariantAnswer(source="after", allow_null=True)


class ChangedSampleAnswer(Answer[ChangedSample]):
    """A sample for which the versions answer different classes."""

    index = serializers.IntegerField()
    locals()["from"] = serializers.IntegerField(source="before")
    to = serializers.IntegerField(source="after")


class SamplesComparedAnswer(Answer[SamplesCompared]):
    """The answers on the same samples; where there are none, ``reason`` says why."""

    is_compared = serializers.BooleanField()
    reason = serializers.CharField()
    count = serializers.IntegerField(allow_null=True)
    changed_count = serializers.IntegerField(allow_null=True)
    changed = ChangedSampleAnswer(many=True)


class ComparisonAnswer(Answer[Comparison]):
    """Two versions side by side."""

    locals()["from"] = ComparedVersionAnswer(source="before")
    to = ComparedVersionAnswer(source="after")
    numbers = ComparedNumberAnswer(many=True)
    operators = ComparedNumberAnswer(many=True)
    inputs = ComparedTensorAnswer(many=True)
    outputs = ComparedTensorAnswer(many=True)
    targets = ComparedTargetAnswer(many=True)
    samples = SamplesComparedAnswer()


class Compare(Endpoint):
    """Two versions of a model."""

    area = Area.MODELS

    @extend_schema(
        operation_id="compare_versions",
        parameters=[OpenApiParameter("from", str, required=True), OpenApiParameter("to", str, required=True)],
        responses=ComparisonAnswer,
    )
    def get(self, request: Request, model: str) -> Response:
        """Compare the versions ``from`` and ``to``: operators, numbers, inputs, outputs, offered variants, changed answers."""
        for name in ("from", "to"):
            if not request.query_params.get(name):
                raise Invalid.field(name, "must name a version.")
        found = comparison.compare(model, request.query_params["from"], request.query_params["to"])
        return Response(ComparisonAnswer.of(found))
