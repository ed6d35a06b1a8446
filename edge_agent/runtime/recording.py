"""Recording the telemetry of an application: every inference and every failure."""

import hashlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from edge_agent.inference.array_checks import Array
from edge_agent.runtime.results import Inference
from edge_agent.telemetry.records import InferenceRecord
from edge_agent.telemetry.store import Store

log = logging.getLogger(__name__)


class Recorder:
    """Writes to the telemetry file of a home folder. Safe to share between threads.

    Args:
        home: the agent's home folder.
        clock: gives epoch seconds.
    """

    def __init__(self, home: Path, *, clock: Callable[[], float]) -> None:
        self._home = home
        self._clock = clock
        self._lock = threading.Lock()
        self._store: Store | None = None
        self.lost = 0

    def close(self) -> None:
        """Close the telemetry file."""
        if self._store is not None:
            self._store.close()

    def record(self, inference: Inference, *, arrays: Mapping[str, Array]) -> None:
        """Record one inference, a record per sample; `arrays` are its inputs."""
        digest = hashlib.sha256()
        for array in arrays.values():
            digest.update(np.ascontiguousarray(array).data)
        now, request_hash = self._clock(), digest.hexdigest()
        records: list[InferenceRecord] = [
            {
                "timestamp": now,
                "latency_ms": inference.latency_ms,
                "model_id": inference.model,
                "model_version": inference.model_version,
                "request_hash": request_hash,
                "provider": inference.provider,
                "class_id": class_id,
                "confidence": confidence,
            }
            for class_id, confidence in zip(inference.class_ids, inference.confidences, strict=True)
        ]
        self._write(
            lambda store: store.record(records, model=inference.model, version=inference.model_version),
            record_count=len(records),
        )

    def record_error(self, message: str, *, model: str, version: str, is_load_failure: bool = False) -> None:
        """Count a failed inference, or a failed load, against a version."""
        self._write(
            lambda store: store.record_error(
                model=model, version=version, message=message, is_load_failure=is_load_failure
            ),
            record_count=0,
        )

    def _write(self, write: Callable[[Store], None], *, record_count: int) -> None:
        """Write to the store; where the disk is full or broken, count the loss, and log the first one.

        The error stops here: a device that cannot keep telemetry must still infer.
        """
        try:
            with self._lock:
                self._store = self._store or Store(self._home)
            write(self._store)
        except (sqlite3.Error, OSError):
            if not self.lost:
                log.exception("telemetry cannot be recorded")
            self.lost += record_count
