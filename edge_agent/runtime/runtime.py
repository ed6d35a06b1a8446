"""`Runtime`: what an application calls. See the package's docstring for its use.

On each call, at most once in `reload_seconds`, the pointer file is looked at; when it has changed, the new slot is opened
beside the old session and taken over at once for the calls that follow. When it cannot be opened, that is recorded (the
agent rolls the model back) and the previous slot, else the fall-back model, else the session at hand, serves on.
"""

import dataclasses
import hashlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent import settings
from edge_agent.inference import array_checks, scores
from edge_agent.inference.failures import InferenceFailed, LoadFailed, RuntimeFailed
from edge_agent.inference.session import Session
from edge_agent.installed import pointer as pointers
from edge_agent.installed import slots
from edge_agent.installed.manifest import Manifest
from edge_agent.telemetry.records import InferenceRecord
from edge_agent.telemetry.store import Store

log = logging.getLogger(__name__)
FALLBACK_VERSION = "fallback"


class NoModel(RuntimeFailed):
    """There is no model to load: none was assigned yet, and no fall-back is configured."""

    code = "no_model"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inference:
    """The result of one call. `class_id` and `confidence` are those of the first sample."""

    class_ids: list[int]
    confidences: list[float]
    latency_ms: float
    outputs: dict[str, NDArray[Any]]
    model: str
    model_version: str
    provider: str
    labels: tuple[str, ...] = ()

    @property
    def class_id(self) -> int:
        """The class of the first sample, or -1 where the model is no classifier."""
        return self.class_ids[0]

    @property
    def confidence(self) -> float:
        """The probability of that class."""
        return self.confidences[0]

    @property
    def label(self) -> str | None:
        """The class's name, where the manifest gives one."""
        return self.labels[self.class_id] if 0 <= self.class_id < len(self.labels) else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model that serves."""

    version: str
    session: Session
    labels: tuple[str, ...] = ()


class Runtime:
    """Infers with the device's current model. Safe to share between threads.

    Args:
        model: which model; needed only where the device has several.
        home: the agent's home folder (default: `EDGE_AGENT_HOME`, else the agent's own default).
        fallback_model: an .onnx file for when nothing else can be loaded (default: `EDGE_AGENT_FALLBACK_MODEL`, else the
            agent's).
        reload_seconds: how often, at most, to look for a switched pointer.
        clock: gives epoch seconds for telemetry.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        home: Path | str | None = None,
        fallback_model: Path | str | None = None,
        reload_seconds: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.home = Path(home).expanduser() if home is not None else settings.find_home()
        self._model = model
        self._fallback_model = fallback_model or settings.find_fallback_model()
        self._reload_seconds = reload_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._store_lock = threading.Lock()
        self._store: Store | None = None
        self._loaded: Loaded | None = None
        self._seen: tuple[int, int] | None = None
        self._next_look_at = 0.0
        self.telemetry_lost = 0

    def __enter__(self) -> "Runtime":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the telemetry file; the session goes with the object."""
        if self._store is not None:
            self._store.close()

    @property
    def model(self) -> str:
        """The model's name.

        Raises:
            NoModel: the device has none, or several and none was named.
        """
        if self._model is None:
            folder = self.home / "models"
            names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
            if len(names) != 1:
                message = f"name one of the models {names}" if names else f"no model in {self.home} yet"
                raise NoModel(message)
            self._model = names[0]
        return self._model

    @property
    def version(self) -> str:
        """The version that the next call uses.

        Raises:
            NoModel: there is none.
        """
        return self._current().version

    def infer(self, inputs: NDArray[Any] | Mapping[str, NDArray[Any]]) -> Inference:
        """Run the current model on one sample, or on a batch, and record it.

        Args:
            inputs: the model's only input, or arrays by input name. A missing batch axis is added; a number type that can
                be converted is converted.

        Raises:
            NoModel: nothing can be loaded.
            BadInput: the input does not fit the model.
            InferenceFailed: the model failed, or its output holds NaN; counted against a model on probation.
        """
        loaded = self._current()
        arrays = array_checks.fit(inputs, wanted=loaded.session.inputs)
        started = time.perf_counter()
        try:
            outputs = loaded.session.run(arrays)
            array_checks.check_finite(outputs)
        except InferenceFailed as error:
            self._record_error(loaded.version, str(error))
            raise
        latency_ms = (time.perf_counter() - started) * 1000
        first = next(iter(outputs.values()))
        class_ids, confidences = scores.score(first)
        inference = Inference(
            class_ids=class_ids,
            confidences=confidences,
            latency_ms=latency_ms,
            outputs=outputs,
            model=self._name(),
            model_version=loaded.version,
            provider=loaded.session.active_providers[0],
            labels=loaded.labels,
        )
        self._record(inference, arrays=arrays)
        return inference

    def report_failure(self, reason: str) -> None:
        """Count a failure that only the application can see against the current model."""
        self._record_error(self._current().version, reason)

    def _name(self) -> str:
        try:
            return self.model
        except NoModel:
            return FALLBACK_VERSION

    def _current(self) -> Loaded:
        with self._lock:
            if time.monotonic() >= self._next_look_at or self._loaded is None:
                self._next_look_at = time.monotonic() + self._reload_seconds
                self._look()
            if self._loaded is None:
                message = f"no version of {self.model} can be loaded, and there is no fall-back"
                raise NoModel(message)
            return self._loaded

    def _look(self) -> None:
        try:
            folder = self.home / "models" / self.model
            seen = _identify(folder)
        except (NoModel, FileNotFoundError):
            self._loaded = self._loaded or self._load_fallback(None)
            return
        while seen != self._seen:
            pointer = pointers.read(folder)
            if pointer is None:
                return
            loaded, failure = self._load(folder, pointer)
            if failure and _identify(folder) != seen:
                # The agent switched in the middle: the slot was not broken, it was no longer meant.
                seen = _identify(folder)
                continue
            if failure:
                self._record_error(pointer.version, failure, is_load_failure=True)
            self._seen, self._loaded = seen, loaded

    def _load(self, folder: Path, pointer: pointers.Pointer) -> tuple[Loaded | None, str]:
        """Return what can be loaded, and why that is not the current slot where it is not."""
        if pointer.slot is None:
            return self._load_fallback(pointer.fallback_model), ""
        failure = ""
        for slot in (pointer.slot, pointer.previous):
            if slot is not None:
                try:
                    return _open(folder / slot), failure
                except (RuntimeFailed, slots.SlotBroken) as error:
                    log.exception("%s: slot %s cannot be loaded", pointer.model, slot)
                    failure = failure or str(error)
        return self._load_fallback(pointer.fallback_model) or self._loaded, failure

    def _load_fallback(self, of_agent: str | None) -> Loaded | None:
        path = self._fallback_model or of_agent
        if not path:
            return None
        try:
            session = Session(Path(path).read_bytes(), providers=["CPUExecutionProvider"], options={})
        except (OSError, RuntimeFailed):
            log.exception("the fall-back model %s cannot be loaded", path)
            return None
        return Loaded(version=FALLBACK_VERSION, session=session)

    def _record(self, inference: Inference, *, arrays: Mapping[str, NDArray[Any]]) -> None:
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
        self._keep(
            lambda store: store.record(records, model=inference.model, version=inference.model_version), len(records)
        )

    def _record_error(self, version: str, message: str, *, is_load_failure: bool = False) -> None:
        name = self._name()
        self._keep(
            lambda store: store.record_error(
                model=name, version=version, message=message, is_load_failure=is_load_failure
            ),
            0,
        )

    def _keep(self, write: Callable[[Store], None], record_count: int) -> None:
        """Write telemetry; a full or broken disk must not stop the device from inferring, so the loss is counted and logged."""
        try:
            with self._store_lock:
                self._store = self._store or Store(self.home)
            write(self._store)
        except (sqlite3.Error, OSError):
            if not self.telemetry_lost:
                log.exception("telemetry cannot be recorded")
            self.telemetry_lost += record_count


def _identify(folder: Path) -> tuple[int, int]:
    """Return what tells one pointer from the next: it is replaced, never written in place."""
    found = (folder / pointers.POINTER_FILE).stat()
    return found.st_mtime_ns, found.st_ino


def _open(folder: Path) -> Loaded:
    manifest, model = slots.open_slot(folder)
    return Loaded(version=manifest.version, session=_start(manifest, model), labels=manifest.labels)


def _start(manifest: Manifest, model: bytes) -> Session:
    try:
        return Session(model, providers=manifest.providers, options=manifest.options)
    except LoadFailed:
        if manifest.providers == ("CPUExecutionProvider",):
            raise
        log.exception("%s does not load on %s; trying the CPU", manifest.model, manifest.providers)
        return Session(model, providers=["CPUExecutionProvider"], options=manifest.options)
