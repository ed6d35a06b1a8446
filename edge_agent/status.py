"""The output of `edge-agent status`: the state of a home folder, without credentials. Reads only."""

import dataclasses
import sqlite3
from typing import Any, TypedDict

from edge_agent import enrollment
from edge_agent.installed import folders
from edge_agent.installed import pointer as pointers
from edge_agent.machine.disk import read_document
from edge_agent.settings import Settings
from edge_agent.telemetry.store import STORE_FILE
from edge_agent.update.journal import STATE_FILE
from edge_agent.version import __version__

SHOWN_OF_ATTEMPT = ("attempt_id", "version", "state", "failure")


class ModelStatus(TypedDict):
    """The state of one model: its pointer, its last attempt, its counter, and the number of reports that wait."""

    current: dict[str, Any] | None
    attempt: dict[str, Any] | None
    highest_release_counter: int
    reports_waiting: int


class Status(TypedDict):
    """The state of a home folder."""

    agent_version: str
    device_id: str
    server_url: str
    is_enrolled: bool
    pinned_keys: int
    home: str
    models: dict[str, ModelStatus]
    telemetry: dict[str, int]


def describe(settings: Settings) -> Status:
    """Return the state of a home folder; an agent may work on it at the same time."""
    identity = enrollment.find(settings.home)
    return {
        "agent_version": __version__,
        "device_id": settings.device_id,
        "server_url": settings.server_url,
        "is_enrolled": identity is not None,
        "pinned_keys": len(identity.signing_keys) if identity else 0,
        "home": str(settings.home),
        "models": {name: _describe_model(settings, name) for name in folders.list_models(settings.home)},
        "telemetry": _read_counters(settings),
    }


def _describe_model(settings: Settings, name: str) -> ModelStatus:
    folder = folders.folder_of(settings.home, name)
    pointer, journal = pointers.read(folder), read_document(folder / STATE_FILE) or {}
    attempt = journal.get("attempt") or {}
    return {
        "current": dataclasses.asdict(pointer) if pointer else None,
        "attempt": {field: attempt.get(field) for field in SHOWN_OF_ATTEMPT} if attempt else None,
        "highest_release_counter": journal.get("highest_release_counter", 0),
        "reports_waiting": len(journal.get("outbox", [])),
    }


def _read_counters(settings: Settings) -> dict[str, int]:
    """Read the counters through a read-only connection: opening a `Store` would create the file, or repair it."""
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
