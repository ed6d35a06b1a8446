"""The output of `edge-agent status`: the state of a home folder, without credentials. Reads only."""

import dataclasses
import sqlite3

from edge_agent import enrollment
from edge_agent.installed import folders
from edge_agent.installed import pointer as pointers
from edge_agent.installed.pointer import Pointer
from edge_agent.machine.disk import Document, read_document
from edge_agent.settings import Settings
from edge_agent.telemetry.store import STORE_FILE
from edge_agent.update.journal import STATE_FILE
from edge_agent.version import __version__


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttemptStatus:
    """The last attempt at an update, as the journal has it; `failure` is empty unless the attempt failed."""

    attempt_id: str
    version: str
    state: str
    failure: dict[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelStatus:
    """The state of one model."""

    current: Pointer | None
    attempt: AttemptStatus | None
    highest_release_counter: int
    reports_waiting: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status:
    """The state of a home folder; `telemetry` holds the counters by name."""

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
    return Status(
        agent_version=__version__,
        device_id=settings.device_id,
        server_url=settings.server_url,
        is_enrolled=identity is not None,
        pinned_keys=len(identity.signing_keys) if identity else 0,
        home=str(settings.home),
        models={name: _describe_model(settings, name) for name in folders.list_models(settings.home)},
        telemetry=_read_counters(settings),
    )


def _describe_model(settings: Settings, name: str) -> ModelStatus:
    folder = folders.folder_of(settings.home, name)
    journal = read_document(folder / STATE_FILE) or {}
    return ModelStatus(
        current=pointers.read(folder),
        attempt=_describe_attempt(journal.get("attempt") or {}),
        highest_release_counter=journal.get("highest_release_counter", 0),
        reports_waiting=len(journal.get("outbox", [])),
    )


def _describe_attempt(attempt: Document) -> AttemptStatus | None:
    if not attempt:
        return None
    return AttemptStatus(
        attempt_id=attempt["attempt_id"],
        version=attempt["version"],
        state=attempt["state"],
        failure=attempt.get("failure", {}),
    )


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
