"""One ONNX Runtime session of one model, on the providers that its manifest wants and the machine has."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import AgentError

GRAPH_LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
QUIET = 3


class RuntimeFailed(AgentError):
    """No model can be loaded, the input does not fit, or an inference failed."""

    code = "runtime_failed"
    is_lacking = False


class NotInstalled(RuntimeFailed):
    """ONNX Runtime, or every provider that the model wants, is not on this machine."""

    code = "not_installed"
    is_lacking = True


class LoadFailed(RuntimeFailed):
    """ONNX Runtime refuses the model."""

    code = "load_failed"


class InferenceFailed(RuntimeFailed):
    """ONNX Runtime failed on an input that fits the model."""

    code = "inference_failed"


class Session:
    """A loaded model. Safe to run from several threads, as ONNX Runtime's session is."""

    def __init__(self, model: bytes, *, providers: Sequence[str], options: Mapping[str, Any]) -> None:
        try:
            import onnxruntime  # noqa: PLC0415  an optional extra
        except ImportError as error:
            message = "onnxruntime is not installed (pip install 'modelfleet-edge-agent[runtime]')"
            raise NotInstalled(message) from error
        available = onnxruntime.get_available_providers()
        usable = [name for name in providers if name in available]
        if not usable:
            message = f"of the providers {list(providers)} none is here; here are {available}"
            raise NotInstalled(message)
        try:
            settings = _read_options(onnxruntime, options)
            self._session = onnxruntime.InferenceSession(model, settings, providers=usable)
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            message = f"ONNX Runtime refuses the model: {error}"
            raise LoadFailed(message) from error
        self.inputs = {tensor.name: (tensor.type, tensor.shape) for tensor in self._session.get_inputs()}
        self.output_names = [tensor.name for tensor in self._session.get_outputs()]

    @property
    def active_providers(self) -> list[str]:
        """The providers that ONNX Runtime really took, in order; it falls back to the CPU without a word."""
        return list(self._session.get_providers())

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run the model.

        Raises:
            InferenceFailed: ONNX Runtime failed.
        """
        try:
            outputs = self._session.run(None, dict(inputs))
        except Exception as error:  # as above
            message = f"ONNX Runtime failed: {error}"
            raise InferenceFailed(message) from error
        return {name: np.asarray(output) for name, output in zip(self.output_names, outputs, strict=True)}


def _read_options(onnxruntime: Any, options: Mapping[str, Any]) -> Any:
    """Turn a manifest's options into ONNX Runtime's; options of other engines or later agents are passed over."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = QUIET
    level = GRAPH_LEVELS.get(str(options.get("graph_optimization_level", "all")), GRAPH_LEVELS["all"])
    settings.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    # Spinning threads burn most of a core between two frames of a camera, and make the frames no faster.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without VNNI, x86 overflows in INT8 models, and the device would decide differently from the variant that was measured.
    settings.add_session_config_entry("session.x64quantprecision", "1")
    for name in ("intra_op_num_threads", "inter_op_num_threads"):
        if isinstance(options.get(name), int):
            setattr(settings, name, options[name])
    return settings
