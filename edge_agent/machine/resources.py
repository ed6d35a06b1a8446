"""The resources of this machine at this moment: load, memory, disk, network, temperature."""

from pathlib import Path
from typing import NotRequired, TypedDict

import psutil


class Resources(TypedDict):
    """The machine's resources, in the form of the wire contract; a sensor that is missing leaves its field out."""

    cpu_ratio: float
    memory_used_ratio: float
    memory_available_bytes: int
    disk_free_bytes: int
    disk_used_ratio: float
    network_sent_bytes: NotRequired[int]
    network_received_bytes: NotRequired[int]
    temperature_celsius: NotRequired[float]


def measure(home: Path) -> Resources:
    """Measure the machine; the disk is the one that holds `home`, the network counters run since the boot."""
    memory, disk, network = psutil.virtual_memory(), psutil.disk_usage(str(home)), psutil.net_io_counters()
    resources: Resources = {
        # Without an interval psutil returns the load since its last call: measuring costs no wait.
        "cpu_ratio": psutil.cpu_percent(interval=None) / 100,
        "memory_used_ratio": memory.percent / 100,
        "memory_available_bytes": memory.available,
        "disk_free_bytes": disk.free,
        "disk_used_ratio": disk.percent / 100,
    }
    if network is not None:
        resources["network_sent_bytes"] = network.bytes_sent
        resources["network_received_bytes"] = network.bytes_recv
    temperature = _read_temperature_celsius()
    if temperature is not None:
        resources["temperature_celsius"] = temperature
    return resources


def _read_temperature_celsius() -> float | None:
    """Return the hottest sensor; None where the machine has none. Not every system's psutil reads sensors."""
    read = getattr(psutil, "sensors_temperatures", None)
    if read is None:
        return None
    readings = [sensor.current for sensors in read().values() for sensor in sensors if sensor.current]
    return max(readings, default=None)
