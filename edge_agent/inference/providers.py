"""The execution providers of this machine: what ONNX Runtime can run models on, such as a CPU or a GPU."""

CPU = "CPUExecutionProvider"


def list_providers() -> list[str]:
    """Return the names of ONNX Runtime's providers in its own order of preference; none where it is not installed."""
    try:
        import onnxruntime  # noqa: PLC0415  an optional extra
    except ImportError:
        return []
    return list(onnxruntime.get_available_providers())
