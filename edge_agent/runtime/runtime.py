"""`Runtime`: the interface for applications. The docstring of the package shows its use."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from numpy.typing import ArrayLike

from edge_agent import settings
from edge_agent.inference import array_checks, scores
from edge_agent.inference.failures import InferenceFailed
from edge_agent.installed import folders
from edge_agent.runtime.loading import FALLBACK_VERSION, Loaded, Loader, NoModel
from edge_agent.runtime.recording import Recorder
from edge_agent.runtime.results import Inference


class Runtime:
    """Infers with the device's current model. Safe to share between threads.

    Args:
        model: the model's name; needed only where the device has several models.
        home: the agent's home folder (default: `EDGE_AGENT_HOME`, else the agent's own default).
        fallback_model: an .onnx file for when no other model can be loaded (default: `EDGE_AGENT_FALLBACK_MODEL`, else the
            agent's).
        reload_seconds: how often, at most, to look for a switch of the agent.
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
        self._reload_seconds = reload_seconds
        self._lock = threading.Lock()
        self._next_look_at = 0.0
        self._recorder = Recorder(self.home, clock=clock)
        self._loader = Loader(
            fallback_model=fallback_model or settings.find_fallback_model(), report=self._report_load_failure
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the telemetry file. The session is freed with this object."""
        self._recorder.close()

    @property
    def model(self) -> str:
        """The model's name.

        Raises:
            NoModel: the device has no model, or has several and the application named none.
        """
        if self._model is None:
            names = folders.list_models(self.home)
            if len(names) != 1:
                message = f"name one of the models {names}" if names else f"no model in {self.home} yet"
                raise NoModel(message)
            self._model = names[0]
        return self._model

    @property
    def version(self) -> str:
        """The version that the next call uses.

        Raises:
            NoModel: no model can be loaded.
        """
        return self._current().version

    @property
    def telemetry_lost(self) -> int:
        """How many records could not be written, because the disk is full or broken."""
        return self._recorder.lost

    def infer(self, inputs: ArrayLike | Mapping[str, ArrayLike]) -> Inference:
        """Run the current model on one sample, or on a batch, and record the result.

        Args:
            inputs: the model's only input, or arrays by input name. A missing batch axis is added; another number type is
                converted where that is possible.

        Raises:
            NoModel: no model can be loaded.
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
            self._recorder.record_error(str(error), model=self._name(), version=loaded.version)
            raise
        latency_ms = (time.perf_counter() - started) * 1000
        class_ids, confidences = scores.score(next(iter(outputs.values())))
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
        self._recorder.record(inference, arrays=arrays)
        return inference

    def report_failure(self, reason: str) -> None:
        """Count against the current model a failure that only the application can see, such as a senseless output.

        Raises:
            NoModel: no model can be loaded.
        """
        self._recorder.record_error(reason, model=self._name(), version=self._current().version)

    def _report_load_failure(self, version: str, message: str) -> None:
        self._recorder.record_error(message, model=self._name(), version=version, is_load_failure=True)

    def _name(self) -> str:
        """Return the model's name for telemetry; a fall-back model on an empty device has none of its own."""
        try:
            return self.model
        except NoModel:
            return FALLBACK_VERSION

    def _current(self) -> Loaded:
        with self._lock:
            if time.monotonic() >= self._next_look_at or self._loader.loaded is None:
                self._next_look_at = time.monotonic() + self._reload_seconds
                self._loader.look(self._folder())
            if self._loader.loaded is None:
                message = f"no version of {self.model} can be loaded, and there is no fall-back"
                raise NoModel(message)
            return self._loader.loaded

    def _folder(self) -> Path | None:
        try:
            return folders.folder_of(self.home, self.model)
        except NoModel:
            return None
