"""``POST /api/ingest``: take a batch, and answer once it is stored durably."""

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.answers import Answer
from core.api.endpoint import Endpoint
from core.errors import DomainError, Kind
from fleet.api.device_view import counting_wrong_tokens
from fleet.devices import last_seen
from fleet.devices.tokens import authenticate_device
from ingest.landing import backlog, batches, content_encoding
from ingest.landing.batches import Receipt
from ingest.landing.envelope import Batch
from registry.baselines.inference_records import InferenceRecord


class RecordsRefused(DomainError):
    """Some records break the schema. The others are stored, and sending the batch again would change nothing."""

    code = "records_refused"
    kind = Kind.UNPROCESSABLE


class InferenceRecordBody(serializers.Serializer[InferenceRecord]):
    """One inference, for the schema only: msgspec checks the bytes (``registry.baselines.inference_records``)."""

    timestamp = serializers.FloatField(help_text="epoch seconds")
    latency_ms = serializers.FloatField(min_value=0)
    model_version = serializers.CharField()
    confidence = serializers.FloatField(min_value=0, max_value=1)
    class_id = serializers.IntegerField(help_text="any int64; -1 = none")
    request_hash = serializers.CharField(required=False)
    model_id = serializers.CharField(required=False)
    features = serializers.JSONField(required=False, help_text="a list of numbers, or numbers by name")
    provider = serializers.CharField(required=False)
    resources = serializers.JSONField(required=False)


class BatchBody(serializers.Serializer[Batch]):
    """A batch, for the schema only."""

    device_id = serializers.CharField()
    records = InferenceRecordBody(many=True)
    stream = serializers.UUIDField(required=False)
    batch = serializers.IntegerField(required=False, min_value=0)


class ReceiptAnswer(Answer[Receipt]):
    """How many records of the batch were taken now, and how many had been taken before."""

    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()


class Ingest(Endpoint):
    """Takes the telemetry of a device."""

    # Devices have tokens of their own kind, which authenticate_device checks.
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        request=BatchBody,
        responses=ReceiptAnswer,
    )
    def post(self, request: Request) -> Response:
        """Land one batch.

        Raises:
            RecordsRefused: Naming the records by index and field; the others are stored durably.
        """
        now = timezone.now()
        with counting_wrong_tokens(request):
            device = authenticate_device(request.headers.get("Authorization"))
        backlog.check()
        body = content_encoding.decode(
            request.body, encoding=request.headers.get("Content-Encoding", ""), limit_bytes=settings.MAX_INGEST_BYTES
        )
        sender = batches.Sender(
            device_id=device.device_id,
            target=device.target,
            labels=dict(device.labels),
            default_model=device.model_slug or "",
        )
        receipt = batches.receive(body, sender=sender, at=now)
        last_seen.note(device.pk, at=now)
        answer = ReceiptAnswer.of(receipt)
        if receipt.rejected:
            count = len(receipt.rejected)
            raise RecordsRefused(
                f"{count} record{'s' if count > 1 else ''} refused; the others are durable. Do not send this batch again.",
                **answer,
                rejected=receipt.rejected,
            )
        return Response(answer)
