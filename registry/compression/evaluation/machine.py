"""The machine that measures: its name for people, and what its processor can do."""

import os
import platform
from pathlib import Path

import onnxruntime as ort

# x86: AVX-512 VNNI, AVX-VNNI. ARM: the dot product extension.
_INT8_DOT_PRODUCT = frozenset({"avx512_vnni", "avx_vnni", "asimddp"})


def describe() -> str:
    """Name the machine: architecture, processor, cores, runtime."""
    return f"{platform.machine()}, {_processor()}, {os.cpu_count()} cores, ONNX Runtime {ort.__version__}"


def has_int8_dot_product() -> bool:
    """Return whether the processor multiplies 8-bit integers four at a time; INT8 is fast only there."""
    lines = _read_cpuinfo()
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith(("flags", "Features"))), [])
    return not _INT8_DOT_PRODUCT.isdisjoint(flags)


def _processor() -> str:
    names = [line.split(":", 1)[1].strip() for line in _read_cpuinfo() if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.processor() or "unknown processor"


def _read_cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
