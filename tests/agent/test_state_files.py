"""The files of an agent 0.1 stay as they are: deployed agents are updated in place, and an older one may come back."""

import contextlib
import dataclasses
from pathlib import Path

import pytest

from edge_agent import enrollment
from edge_agent.installed import pointer as pointers
from edge_agent.installed.slots import Slots
from edge_agent.machine.disk import Disk
from edge_agent.telemetry.store import STORE_FILE, Store
from edge_agent.update.journal import Journal
from edge_agent.update.transitions import State

WRITTEN_BY_0_1 = Path(__file__).parent / "written_by_0_1"
MODEL = Path("models") / "digits"
TELEMETRY_TABLES = {
    "facts": ["name", "value"],
    "counters": ["name", "value"],
    "records": ["id", "body"],
    "batches": ["number", "records", "body"],
    "tallies": ["model", "version", "inferences", "consecutive_errors", "load_failures", "last_error"],
}


@pytest.fixture
def folder(home):
    (home / MODEL).mkdir(parents=True)
    return home / MODEL


def test_the_record_of_updates_is_read_and_written_unchanged(folder):
    before = (WRITTEN_BY_0_1 / MODEL / "state.json").read_bytes()
    (folder / "state.json").write_bytes(before)

    journal = Journal(folder, model="digits", disk=Disk())
    journal.save()

    assert journal.attempt.state is State.ROLLING_BACK
    assert (folder / "state.json").read_bytes() == before


def test_the_pointer_is_read_and_written_unchanged(folder):
    before = (WRITTEN_BY_0_1 / MODEL / "current.json").read_bytes()
    pointer = pointers.read(WRITTEN_BY_0_1 / MODEL)

    Slots(folder, disk=Disk()).switch(pointer)

    assert (pointer.slot, pointer.previous, pointer.version) == ("b", "a", "2.0.0")
    assert (folder / "current.json").read_bytes() == before


def test_the_identity_is_read_and_written_unchanged(home):
    home.mkdir()
    identity = enrollment.find(WRITTEN_BY_0_1)

    Disk().write_document(home / enrollment.IDENTITY_FILE, dataclasses.asdict(identity))

    assert identity.token == "token-of-the-test"
    assert (home / "identity.json").read_bytes() == (WRITTEN_BY_0_1 / "identity.json").read_bytes()


def test_the_telemetry_file_has_the_tables_of_0_1(home):
    with contextlib.closing(Store(home)) as store:
        found = {
            table: [row[1] for row in store._connection.execute(f"PRAGMA table_info({table})")]
            for table in TELEMETRY_TABLES
        }

    assert STORE_FILE == "telemetry.db"
    assert found == TELEMETRY_TABLES
