"""Six edge devices: each an `edge-agent run` process and a camera process that shares its home."""

import sys
from dataclasses import dataclass
from pathlib import Path

from processes import Processes

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Device:
    """One device of the demo's fleet."""

    device_id: str
    target: str
    site: str


FLEET = (
    Device("osaka-1", "raspberry-pi-5", "osaka"),
    Device("osaka-2", "jetson-orin-nano", "osaka"),
    Device("kyoto-1", "raspberry-pi-5", "kyoto"),
    Device("kyoto-2", "intel-n100", "kyoto"),
    Device("nagoya-1", "rk3588", "nagoya"),
    Device("nagoya-2", "generic-cpu", "nagoya"),
)
FRAMES_PER_SECOND = 10


def drift_file(home: Path, site: str) -> Path:
    """Return the path of a file; while the file exists, the cameras of the site drift."""
    return home / "sites" / f"{site}.drifting"


def start(device: Device, *, home: Path, server_url: str, enrollment_key: str, processes: Processes) -> None:
    """Start a device's agent and its camera."""
    folder = home / "devices" / device.device_id
    folder.mkdir(parents=True)
    config = folder / "agent.toml"
    config.write_text(
        f"""\
server_url = "{server_url}"
device_id = "{device.device_id}"
enrollment_key = "{enrollment_key}"
target = "{device.target}"
labels = {{ site = "{device.site}" }}
home = "state"
heartbeat_seconds = 5
telemetry_flush_seconds = 2
retry_max_seconds = 5
"""
    )
    config.chmod(0o600)
    # One thread for each, because six devices share the cores of this machine.
    quiet = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    agent = str(Path(sys.executable).with_name("edge-agent"))
    processes.start(f"agent-{device.device_id}", [agent, "run", "--config", str(config)], environment=quiet, cwd=folder)
    camera = [
        sys.executable,
        str(HERE / "camera.py"),
        f"--agent-home={folder / 'state'}",
        f"--rate={FRAMES_PER_SECOND}",
        f"--drift-file={drift_file(home, device.site)}",
    ]
    processes.start(f"camera-{device.device_id}", camera, environment=quiet, cwd=HERE)
