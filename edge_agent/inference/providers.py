"""The execution providers of this machine: the parts of ONNX Runtime that run models on a CPU, a GPU or an accelerator."""

CPU = "CPUExecutionProvider"


ENGINE = "onnxruntime"


def list_engines() -> list[str]:
    """Return the engines of this machine that can run a model file."""
    return [ENGINE] if list_providers() else []


def list_providers() -> list[str]:
    """Return the names of ONNX Runtime's providers in its own order of preference; none where it is not installed."""
    try:
        import onnxruntime  # noqa: PLC0415  an optional extra
    except ImportError:
        return []
    return list(onnxruntime.get_available_providers())
