"""The capabilities of this machine: everything about it that only an upgrade changes."""

import platform
from typing import TypedDict

import psutil

from edge_agent.version import __version__


class Capabilities(TypedDict):
    """The machine's capabilities, in the form of the wire contract."""

    agent_version: str
    architecture: str
    cpu_count: int
    ram_bytes: int
    operating_system: str
    python_version: str
    providers: list[str]


def list_capabilities(*, providers: list[str]) -> Capabilities:
    """Return the machine's capabilities; `providers` are the execution providers that can run a model here."""
    return {
        "agent_version": __version__,
        "architecture": platform.machine(),
        "cpu_count": psutil.cpu_count() or 1,
        "ram_bytes": psutil.virtual_memory().total,
        "operating_system": f"{platform.system()} {platform.release()}",
        "python_version": platform.python_version(),
        "providers": providers,
    }
