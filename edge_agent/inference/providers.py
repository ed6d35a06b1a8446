"""The execution providers of this machine: the parts of ONNX Runtime that run models on a CPU, a GPU or an accelerator."""

CPU = "CPUExecutionProvider"


def list_providers() -> list[str]:
    """Return the names of ONNX Runtime's providers in its own order of preference; none where it is not installed."""
    try:
        import onnxruntime  # noqa: PLC0415  an optional extra
    except ImportError:
        return []
    return list(onnxruntime.get_available_providers())
