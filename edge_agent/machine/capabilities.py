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
    engines: list[str]
    manifest_schemas: list[int]
    # The ids of the signing keys that the device trusts: SHA-256 of the key's DER.
    pinned_keys: list[str]


def list_capabilities(
    *, providers: list[str], engines: list[str], manifest_schemas: list[int], pinned_keys: list[str]
) -> Capabilities:
    """Return the machine's capabilities.

    Args:
        providers: the execution providers that can run a model here.
        engines: the engines that can run a model file here.
        manifest_schemas: the schemas of manifests that this agent reads.
        pinned_keys: the ids of the signing keys that it trusts.
    """
    return {
        "agent_version": __version__,
        "architecture": platform.machine(),
        "cpu_count": psutil.cpu_count() or 1,
        "ram_bytes": psutil.virtual_memory().total,
        "operating_system": f"{platform.system()} {platform.release()}",
        "python_version": platform.python_version(),
        "providers": providers,
        "engines": engines,
        "manifest_schemas": manifest_schemas,
        "pinned_keys": pinned_keys,
    }
