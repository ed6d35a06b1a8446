"""Sending what waits: one sealed batch after the other, oldest first, until all is sent or the server is in trouble.

200 and 422 are final. 413 splits the batch. 409 (this number holds other bytes there) and other refusals of the body drop it,
loudly and counted. All else leaves the batch where it is, to be sent again byte for byte.
"""

import logging

from edge_agent.server.client import Client, ServerRefusal
from edge_agent.telemetry.store import Batch, Store

log = logging.getLogger(__name__)
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
        """Send the oldest batch, and return how many records are off the device; 0 when nothing waits.

        Raises:
            ServerTrouble: try again later.
            ServerRefusal: the device may not send now (401, 403, 404); nothing is lost.
        """
        batch = self._store.seal(device_id=self._device_id, most_records=self._batch_size)
        if batch is None:
            return 0
        try:
            status, answer = self._client.ingest(batch.body)
        except ServerRefusal as refusal:
            return self._handle(refusal, batch=batch)
        self._body_refusals = 0
        rejected = answer.get("rejected") or []
        if rejected:
            log.error("batch %d (%d): %d records rejected, first: %s", batch.number, status, len(rejected), rejected[0])
        self._store.settle(batch, counted_as="answered")
        return batch.record_count

    def send_all(self) -> int:
        """Send what waits now, not what is recorded meanwhile; return how many records left the device."""
        goal = self._store.read_counters().get("waiting", 0)
        total = 0
        while total < goal and (count := self.send_next()):
            total += count
        return total

    def _handle(self, refusal: ServerRefusal, *, batch: Batch) -> int:
        if refusal.status in RETRIED_REFUSALS:
            raise refusal
        if refusal.status == 413:
            self._batch_size = max(1, batch.record_count // 2)
            if self._store.split(batch, device_id=self._device_id):
                log.warning("batch %d of %d records is too large; split", batch.number, batch.record_count)
                return self.send_next()
        if refusal.status == 400:
            # A body cut on the way is 400 too: the same bytes may well pass the next time.
            self._body_refusals += 1
            if self._body_refusals < MAX_BODY_REFUSALS:
                raise refusal
        self._body_refusals = 0
        log.error("batch %d dropped with %d records: %s", batch.number, batch.record_count, refusal)
        self._store.settle(batch, counted_as=f"dropped_{refusal.status}")
        return batch.record_count
