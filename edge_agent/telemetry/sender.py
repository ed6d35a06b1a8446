"""Sending the telemetry that waits: sealed batches, the oldest first, until none is left or the server is in trouble.

1. 200 and 422 are final: the batch is deleted.
2. 413 splits the batch.
3. 409 means that the server holds other bytes under this number. The batch is dropped, logged and counted; so is a batch
   that the server refuses as malformed five times.
4. After anything else the batch stays, and goes out again byte for byte.
"""

import logging
from http import HTTPStatus

from edge_agent.server.client import Client
from edge_agent.server.failures import ServerRefusal
from edge_agent.telemetry import store as stores
from edge_agent.telemetry.store import Batch, Store

log = logging.getLogger(__name__)
# These refuse the device or the address, not the body: the same batch passes once an operator has corrected that.
RETRIED_REFUSALS = frozenset({401, 403, 404, 405})
MAX_BODY_REFUSALS = 5


class Sender:
    """Sends one device's telemetry."""

    def __init__(self, store: Store, *, client: Client, device_id: str, batch_size: int) -> None:
        self._store = store
        self._client = client
        self._device_id = device_id
        self._batch_size = batch_size
        self._body_refusals = 0

    def send_next(self) -> int:
        """Send the oldest batch and return how many records left the device; 0 when none waits.

        Raises:
            ServerTrouble: try again later.
            ServerRefusal: the device may not send now (401, 403, 404); no record is lost.
        """
        batch = self._store.seal(device_id=self._device_id, most_records=self._batch_size)
        if batch is None:
            return 0
        try:
            intake = self._client.ingest(batch.body)
        except ServerRefusal as refusal:
            return self._handle(refusal, batch=batch)
        self._body_refusals = 0
        rejected = intake.rejected
        if rejected:
            log.error(
                "batch %d (%d): %d records rejected, first: %s",
                batch.number,
                intake.status,
                len(rejected),
                rejected[0],
            )
        self._store.settle(batch, counted_as=stores.ANSWERED)
        return batch.record_count

    def send_all(self) -> int:
        """Send the records that wait now, without those recorded meanwhile; return how many left the device.

        Without this bound, an application that never pauses would keep the caller here for ever.
        """
        goal = self._store.read_counters().get(stores.WAITING, 0)
        total = 0
        while total < goal and (count := self.send_next()):
            total += count
        return total

    def _handle(self, refusal: ServerRefusal, *, batch: Batch) -> int:
        if refusal.status in RETRIED_REFUSALS:
            raise refusal
        if refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            self._batch_size = max(1, batch.record_count // 2)
            if self._store.split(batch, device_id=self._device_id):
                log.warning("batch %d of %d records is too large; split", batch.number, batch.record_count)
                return self.send_next()
        if refusal.status == HTTPStatus.BAD_REQUEST:
            # A body that was cut on the way is 400 too: the same bytes may pass the next time.
            self._body_refusals += 1
            if self._body_refusals < MAX_BODY_REFUSALS:
                raise refusal
        self._body_refusals = 0
        log.error("batch %d dropped with %d records: %s", batch.number, batch.record_count, refusal)
        self._store.settle(batch, counted_as=f"dropped_{refusal.status}")
        return batch.record_count
