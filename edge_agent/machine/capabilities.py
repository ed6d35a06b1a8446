"""What the agent tells the server of the machine: what it can do, and how it is."""

import platform
from pathlib import Path
from typing import Any

import psutil

from edge_agent.version import __version__


def list_capabilities() -> dict[str, Any]:
    """Return what this machine can do; it changes by an upgrade only."""
    return {
        "agent_version": __version__,
        "architecture": platform.machine(),
        "cpu_count": psutil.cpu_count() or 1,
        "ram_bytes": psutil.virtual_memory().total,
        "operating_system": f"{platform.system()} {platform.release()}",
        "python_version": platform.python_version(),
        "providers": list_providers(),
    }


def list_providers() -> list[str]:
    """Return ONNX Runtime's execution providers, none where it is not installed."""
    try:
        import onnxruntime  # noqa: PLC0415  an optional extra
    except ImportError:
        return []
    return list(onnxruntime.get_available_providers())


def measure_resources(home: Path) -> dict[str, Any]:
    """Return how busy and how full the machine is."""
    memory, disk, network = psutil.virtual_memory(), psutil.disk_usage(str(home)), psutil.net_io_counters()
    resources: dict[str, Any] = {
        "cpu_ratio": psutil.cpu_percent(interval=None) / 100,
        "memory_used_ratio": memory.percent / 100,
        "memory_available_bytes": memory.available,
        "disk_free_bytes": disk.free,
        "disk_used_ratio": disk.percent / 100,
    }
    if network is not None:
        resources |= {"network_sent_bytes": network.bytes_sent, "network_received_bytes": network.bytes_recv}
    temperature = _temperature_celsius()
    return resources if temperature is None else resources | {"temperature_celsius": temperature}


def _temperature_celsius() -> float | None:
    read = getattr(psutil, "sensors_temperatures", None)
    if read is None:
        return None
    readings = [sensor.current for sensors in read().values() for sensor in sensors if sensor.current]
    return max(readings, default=None)
