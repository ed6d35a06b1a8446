"""Ingest in the usual way of Django: a DRF serializer checks each record, and bulk_create stores one row for each.

It proves the device as the product does, so that only checking and storing differ.
"""

from typing import Any

from django.db import connection, models
from django.http import HttpRequest, HttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.devices.tokens import authenticate_device


class Record(models.Model):
    """One inference. ``make_table`` makes the table, which is deleted with the home of the benchmark."""

    device_id = models.CharField(max_length=128)
    timestamp = models.FloatField()
    latency_ms = models.FloatField()
    model_id = models.CharField(max_length=64)
    model_version = models.CharField(max_length=100)
    confidence = models.FloatField()
    class_id = models.BigIntegerField()
    request_hash = models.CharField(max_length=128)

    class Meta:
        app_label = "peers"
        managed = False
        db_table = "peer_record"

    def __str__(self) -> str:
        return f"{self.device_id} {self.timestamp}"


class RecordSerializer(serializers.Serializer[Any]):
    """The same rules as ``registry.baselines.inference_records``."""

    timestamp = serializers.FloatField(min_value=0)
    latency_ms = serializers.FloatField(min_value=0)
    model_id = serializers.CharField(max_length=64)
    model_version = serializers.CharField(max_length=100)
    confidence = serializers.FloatField(min_value=0, max_value=1)
    class_id = serializers.IntegerField()
    request_hash = serializers.CharField(max_length=128)


class Ingest(APIView):
    """Stores a batch, one row per record."""

    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request) -> Response:
        """Check and store."""
        device = authenticate_device(request.headers.get("Authorization"))
        form = RecordSerializer(data=request.data["records"], many=True)
        form.is_valid(raise_exception=True)
        Record.objects.bulk_create([Record(device_id=device.device_id, **row) for row in form.validated_data])
        return Response({"accepted": len(form.validated_data), "duplicates": 0})


def empty(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answer nothing; only the middleware of the product runs."""
    return HttpResponse(b"")


def make_table() -> None:
    """Make the table of the peer, with an index for reads by device and time."""
    with connection.schema_editor() as editor:
        editor.create_model(Record)
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX ON peer_record (device_id, timestamp)")
