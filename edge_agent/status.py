"""What `edge-agent status` prints: everything that is known on the device, and no credential. Reads only."""

import dataclasses
import sqlite3
from typing import Any

from edge_agent import enrollment
from edge_agent.installed.slots import read_pointer
from edge_agent.machine.disk import read_document
from edge_agent.settings import Settings
from edge_agent.telemetry.store import STORE_FILE
from edge_agent.update.journal import STATE_FILE
from edge_agent.version import __version__


def describe(settings: Settings) -> dict[str, Any]:
    """Return the state of a home folder; the agent may be at work on it."""
    identity = enrollment.find(settings.home)
    folder = settings.home / "models"
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return {
        "agent_version": __version__,
        "device_id": settings.device_id,
        "server_url": settings.server_url,
        "is_enrolled": identity is not None,
        "pinned_keys": len(identity.signing_keys) if identity else 0,
        "home": str(settings.home),
        "models": {name: _describe_model(settings, name) for name in names},
        "telemetry": _read_counters(settings),
    }


def _describe_model(settings: Settings, name: str) -> dict[str, Any]:
    folder = settings.home / "models" / name
    pointer, record = read_pointer(folder), read_document(folder / STATE_FILE) or {}
    attempt = record.get("attempt") or {}
    return {
        "current": dataclasses.asdict(pointer) if pointer else None,
        "attempt": {name: attempt.get(name) for name in ("attempt_id", "version", "state", "failure")}
        if attempt
        else None,
        "highest_release_counter": record.get("highest_release_counter", 0),
        "reports_waiting": len(record.get("outbox", [])),
    }


def _read_counters(settings: Settings) -> dict[str, int]:
    path = settings.home / STORE_FILE
    if not path.exists():
        return {}
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return dict(connection.execute("SELECT name, value FROM counters ORDER BY name").fetchall())
    except sqlite3.Error:
        return {}
    finally:
        connection.close()
