"""Landed batches, their receipts, and the roll-ups counted from them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone


class LandingState(models.TextChoices):
    """A batch waits to be counted, is counted, or could not be counted."""

    WAITING = "waiting"
    COUNTED = "counted"
    QUARANTINED = "quarantined"


class LandedBatch(models.Model):
    """One acknowledged batch; ``body`` has the bytes as they came, after content decoding."""

    device_id = models.CharField(max_length=128)
    target = models.CharField(max_length=64)
    labels = models.JSONField(default=dict)
    # The model of a record that has no model_id.
    default_model = models.CharField(max_length=64, blank=True)
    body = models.BinaryField()
    # Positions in "records" that were refused and are not counted.
    refused = ArrayField(models.IntegerField(), default=list)
    received_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=12, choices=LandingState.choices, default=LandingState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "landed batches"
        indexes = [
            models.Index(name="batches_waiting", fields=["id"], condition=Q(state=LandingState.WAITING)),
            models.Index(name="batches_by_arrival", fields=["received_at"]),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk} of {self.device_id}"


class BatchReceipt(models.Model):
    """The answer to a batch, kept so that a repeat is recognized. It is kept longer than the batch.

    ``stream`` and ``number`` are the agent's own; a plain client's batch has stream ``content`` and as number the day and
    the SHA-256 of the decoded body.
    """

    device_id = models.CharField(max_length=128)
    stream = models.CharField(max_length=36)
    number = models.CharField(max_length=80)
    content_sha256 = models.CharField(max_length=64)
    accepted = models.IntegerField()
    rejected = models.JSONField(default=list)
    received_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="a_batch_is_received_once", fields=["device_id", "stream", "number"])
        ]

    def __str__(self) -> str:
        return f"{self.device_id} {self.stream} {self.number}"


class StreamHorizon(models.Model):
    """The highest batch number of an agent's stream whose receipt is deleted. Repeats up to it can no longer be recognized."""

    device_id = models.CharField(max_length=128)
    stream = models.CharField(max_length=36)
    expired_through = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(name="one_horizon_per_stream", fields=["device_id", "stream"])]

    def __str__(self) -> str:
        return f"{self.device_id} {self.stream} ≤ {self.expired_through}"


class RollUp(models.Model):
    """Integer counts of one histogram in one time bucket of one scope. Rows of equal key add up; readers always SUM.

    scope: ``fleet``/"" · ``target``/name · ``label``/"key=value" · ``device``/id.
    metric and its bins: ``class``/class id · ``class_other``/0 · ``confidence``/0–19 · ``latency``/log bin ·
    ``totals``/see ``ingest.roll_ups.keys.Total``.
    """

    bucket_at = models.DateTimeField()
    bucket_seconds = models.IntegerField()
    scope_kind = models.CharField(max_length=8)
    scope_value = models.CharField(max_length=300)
    model = models.CharField(max_length=64)
    version = models.CharField(max_length=100)
    metric = models.CharField(max_length=16)
    bins = ArrayField(models.BigIntegerField())
    counts = ArrayField(models.BigIntegerField())
    # False until a fold has merged the row.
    is_folded = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(
                name="roll_ups_by_key",
                fields=["model", "version", "scope_kind", "scope_value", "metric", "bucket_at"],
            ),
            models.Index(name="roll_ups_by_bucket", fields=["bucket_at"]),
            models.Index(name="roll_ups_to_fold", fields=["id"], condition=Q(is_folded=False)),
        ]

    def __str__(self) -> str:
        return f"{self.bucket_at} {self.scope_kind}:{self.scope_value} {self.model} {self.version} {self.metric}"
