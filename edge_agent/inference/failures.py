"""The named failures of running a model."""

from edge_agent.errors import AgentError


class RuntimeFailed(AgentError):
    """No model can be loaded, the input does not fit, or an inference failed."""

    code = "runtime_failed"


class NotInstalled(RuntimeFailed):
    """This machine lacks ONNX Runtime, or every provider that the model wants."""

    code = "not_installed"


class LoadFailed(RuntimeFailed):
    """ONNX Runtime refuses the model."""

    code = "load_failed"


class InferenceFailed(RuntimeFailed):
    """ONNX Runtime failed on an input that fits the model, or the model gave NaN."""

    code = "inference_failed"
