"""One ONNX Runtime session: one model, on those of its wanted providers that this machine has."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType, ModuleType
from typing import Self

import numpy as np

from edge_agent.inference.array_checks import Array, InputSpec
from edge_agent.inference.failures import InferenceFailed, LoadFailed, NotInstalled
from edge_agent.installed.manifest import Manifest

GRAPH_LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
# ONNX Runtime's own scale: 3 logs errors and leaves warnings out.
LOG_ERRORS_ONLY = 3


class Session:
    """A loaded model. Several threads may run it at once, as ONNX Runtime promises for its session.

    Args:
        model: the bytes of the model file.
        providers: the wanted providers, the preferred one first; those that are missing here are left out.
        options: the options of the manifest; names that this agent does not know are ignored.
        provider_options: those of each provider by name; a provider that is left out has none.
        threads: how many threads compute one inference; None leaves the choice to ONNX Runtime.

    Raises:
        NotInstalled: ONNX Runtime, or every wanted provider, is missing.
        LoadFailed: ONNX Runtime refuses the model.
    """

    def __init__(
        self,
        model: bytes,
        *,
        providers: Sequence[str],
        options: Mapping[str, object],
        provider_options: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
        threads: int | None = None,
    ) -> None:
        onnxruntime = _import_onnxruntime()
        available = onnxruntime.get_available_providers()
        usable = [name for name in providers if name in available]
        if not usable:
            message = f"of the providers {list(providers)} none is here; here are {available}"
            raise NotInstalled(message)
        try:
            settings = _read_options(onnxruntime, options, threads=threads)
            # ONNX Runtime takes the values of options as text.
            own = [{key: str(value) for key, value in provider_options.get(name, {}).items()} for name in usable]
            self._session = onnxruntime.InferenceSession(model, settings, providers=usable, provider_options=own)
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            message = f"ONNX Runtime refuses the model: {error}"
            raise LoadFailed(message) from error
        self.inputs = {spec.name: InputSpec(kind=spec.type, shape=spec.shape) for spec in self._session.get_inputs()}
        self.output_names = [spec.name for spec in self._session.get_outputs()]

    @classmethod
    def of(cls, manifest: Manifest, model: bytes) -> Self:
        """Load a model as its manifest says.

        Raises:
            NotInstalled: ONNX Runtime, or every wanted provider, is missing.
            LoadFailed: ONNX Runtime refuses the model.
        """
        return cls(
            model,
            providers=manifest.providers,
            options=manifest.options,
            provider_options=manifest.provider_options,
            threads=manifest.threads,
        )

    @property
    def active_providers(self) -> list[str]:
        """The providers that ONNX Runtime really took, in order; it falls back to the CPU without a message."""
        return list(self._session.get_providers())

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model and return its outputs by name, in the model's order.

        Raises:
            InferenceFailed: ONNX Runtime failed.
        """
        try:
            outputs = self._session.run(None, dict(inputs))
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            message = f"ONNX Runtime failed: {error}"
            raise InferenceFailed(message) from error
        return {name: np.asarray(output) for name, output in zip(self.output_names, outputs, strict=True)}


def _import_onnxruntime() -> ModuleType:
    try:
        import onnxruntime  # noqa: PLC0415  an optional extra
    except ImportError as error:
        message = "onnxruntime is not installed (pip install 'modelfleet-edge-agent[runtime]')"
        raise NotInstalled(message) from error
    module: ModuleType = onnxruntime
    return module


def _read_options(onnxruntime: ModuleType, options: Mapping[str, object], *, threads: int | None) -> object:
    """Turn a manifest's options into ONNX Runtime's."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = LOG_ERRORS_ONLY
    level = GRAPH_LEVELS.get(str(options.get("graph_optimization_level", "all")), GRAPH_LEVELS["all"])
    settings.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    # Spinning threads burn most of a core between two frames of a camera, and make the frames no faster.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without VNNI, x86 overflows in INT8 models, and the device would decide differently from the variant that was measured.
    settings.add_session_config_entry("session.x64quantprecision", "1")
    for name in ("intra_op_num_threads", "inter_op_num_threads"):
        if isinstance(options.get(name), int):
            setattr(settings, name, options[name])
    if threads is not None:
        settings.intra_op_num_threads = threads
    return settings
