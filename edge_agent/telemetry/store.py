"""The telemetry file: one SQLite database in WAL mode. The application records into it, the agent sends from it.

A kill of either process loses no record and counts none twice:

1. A record is committed before `record` returns.
2. `seal` fixes a batch's number, its records and its bytes in one durable transaction, before the first send. The same
   bytes are sent until the server gives a final answer; then `settle` deletes the batch.
3. The server ignores a batch that it has already: it knows batches by device, stream and number. A stream is one life of
   this file.

The application appends with `synchronous=NORMAL`, which costs no flash write per inference. A power cut may therefore
lose the records since the last `seal`, whose sync makes everything before it durable. The agent writes with `FULL`.
"""

import contextlib
import dataclasses
import gzip
import json
import logging
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from edge_agent.settings import Settings
from edge_agent.telemetry.records import InferenceRecord

log = logging.getLogger(__name__)
STORE_FILE = "telemetry.db"

# Counters: records that wait, records that the server answered for good, records that were sampled out. A batch that is
# dropped counts as `dropped_<status>`.
WAITING = "waiting"
ANSWERED = "answered"
SAMPLED_OUT = "sampled_out"

# An application must not wait long for its telemetry; the agent may.
BUSY_SECONDS = {"NORMAL": 1.0, "FULL": 10.0}
BUSY_STEP_MILLISECONDS = 3
GZIP_LEVEL = 6
SAMPLE_RATIO = 0.1
MAX_ERROR_CHARACTERS = 500
# The low byte of an extended SQLite code is the primary code: every kind of "busy" has the same one.
PRIMARY_CODE_MASK = 0xFF
SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS batches (number INTEGER PRIMARY KEY AUTOINCREMENT, records INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tallies (
    model TEXT NOT NULL, version TEXT NOT NULL,
    inferences INTEGER NOT NULL DEFAULT 0, consecutive_errors INTEGER NOT NULL DEFAULT 0,
    load_failures INTEGER NOT NULL DEFAULT 0, last_error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (model, version)
) WITHOUT ROWID;
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """A sealed batch; every send uses the same gzipped body."""

    number: int
    record_count: int
    body: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tally:
    """The application's experience with one version since its activation."""

    inferences: int = 0
    consecutive_errors: int = 0
    load_failures: int = 0
    last_error: str = ""


class Store:
    """One process's connection to the telemetry file; safe to share between its threads.

    Args:
        home: the agent's home folder.
        durability: `NORMAL` for the application, `FULL` for the agent.
        max_records: how many records may wait; above this number the oldest are sampled out, and counted. The number is
            kept in the file, because it is the application that applies it.
    """

    def __init__(
        self, home: Path, *, durability: Literal["NORMAL", "FULL"] = "NORMAL", max_records: int | None = None
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._path = home / STORE_FILE
        self._durability = durability
        self._lock = threading.RLock()
        try:
            self._connection = self._open()
        except sqlite3.DatabaseError as error:
            # Locked, full or unreadable is operational: the file itself is good, so it must not be set aside.
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._set_aside(error)
            self._connection = self._open()
        if max_records is not None:
            with self._transaction() as cursor:
                _set_fact(cursor, "max_records", str(max_records))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    @property
    def stream(self) -> str:
        """The uuid of this life of the file: a new file starts to count batches at 1 again."""
        with self._lock:
            return str(_read_fact(self._connection.cursor(), "stream"))

    def record(self, records: Sequence[InferenceRecord], *, model: str, version: str) -> None:
        """Keep the records of one inference, and count them for the probation of its version."""
        with self._transaction() as cursor:
            cursor.executemany(
                "INSERT INTO records (body) VALUES (?)", [(json.dumps(record, allow_nan=False),) for record in records]
            )
            _count(cursor, WAITING, len(records))
            _tally(cursor, model, version, "inferences = inferences + ?, consecutive_errors = 0", len(records))
            self._keep_bound(cursor)

    def record_error(self, *, model: str, version: str, message: str, is_load_failure: bool = False) -> None:
        """Count an inference that failed, or a load that failed."""
        column = "load_failures" if is_load_failure else "consecutive_errors"
        change = f"{column} = {column} + 1, last_error = ?"
        with self._transaction() as cursor:
            _tally(cursor, model, version, change, message[:MAX_ERROR_CHARACTERS])

    def read_tally(self, model: str, version: str) -> Tally:
        """Return the counts of a version since its activation."""
        with self._lock:
            row = self._connection.execute(
                "SELECT inferences, consecutive_errors, load_failures, last_error FROM tallies"
                " WHERE model = ? AND version = ?",
                (model, version),
            ).fetchone()
        names = ("inferences", "consecutive_errors", "load_failures", "last_error")
        return Tally(**dict(zip(names, row, strict=True))) if row else Tally()

    def reset_tally(self, model: str, version: str) -> None:
        """Start a version's counts at zero, before it is activated."""
        with self._transaction() as cursor:
            cursor.execute("DELETE FROM tallies WHERE model = ? AND version = ?", (model, version))

    def seal(self, *, device_id: str, most_records: int) -> Batch | None:
        """Return the oldest sealed batch, or seal one from the oldest records; None when no record waits."""
        with self._transaction() as cursor:
            row = cursor.execute("SELECT number, records, body FROM batches ORDER BY number LIMIT 1").fetchone()
            if row:
                return Batch(number=row[0], record_count=row[1], body=row[2])
            rows = cursor.execute("SELECT id, body FROM records ORDER BY id LIMIT ?", (most_records,)).fetchall()
            if not rows:
                return None
            cursor.execute("DELETE FROM records WHERE id <= ?", (rows[-1][0],))
            return self._insert(cursor, device_id=device_id, bodies=[body for _, body in rows])

    def settle(self, batch: Batch, *, counted_as: str) -> None:
        """Delete a batch that needs no more sends, and count its records under a name; a second call changes nothing."""
        with self._transaction() as cursor:
            deleted = cursor.execute("DELETE FROM batches WHERE number = ?", (batch.number,)).rowcount
            if deleted:
                _count(cursor, WAITING, -batch.record_count)
                _count(cursor, counted_as, batch.record_count)

    def split(self, batch: Batch, *, device_id: str) -> bool:
        """Replace a batch that is too large for the server by two smaller ones; False where it holds one record only."""
        bodies = [json.dumps(record, allow_nan=False) for record in json.loads(gzip.decompress(batch.body))["records"]]
        if len(bodies) < 2:
            return False
        with self._transaction() as cursor:
            cursor.execute("DELETE FROM batches WHERE number = ?", (batch.number,))
            for half in (bodies[: len(bodies) // 2], bodies[len(bodies) // 2 :]):
                self._insert(cursor, device_id=device_id, bodies=half)
        return True

    def read_counters(self) -> dict[str, int]:
        """Return the counters by name: records that wait, were answered, dropped or sampled out."""
        with self._lock:
            return dict(self._connection.execute("SELECT name, value FROM counters ORDER BY name").fetchall())

    def _insert(self, cursor: sqlite3.Cursor, *, device_id: str, bodies: list[str]) -> Batch:
        # The body holds the batch's number, which the row gives: so the row comes first, empty.
        cursor.execute("INSERT INTO batches (records, body) VALUES (?, x'')", (len(bodies),))
        number = int(cursor.lastrowid or 0)
        # Records are JSON texts already, so the body is put together as text. `mtime=0` keeps gzip's header free of the time.
        head = json.dumps({"device_id": device_id, "stream": self.stream, "batch": number})
        body = gzip.compress(f'{head[:-1]}, "records": [{",".join(bodies)}]}}'.encode(), GZIP_LEVEL, mtime=0)
        cursor.execute("UPDATE batches SET body = ? WHERE number = ?", (body, number))
        return Batch(number=number, record_count=len(bodies), body=body)

    def _keep_bound(self, cursor: sqlite3.Cursor) -> None:
        """Delete every second one of the oldest tenth when too many records wait.

        A thinner past says more about the device than a past with a hole, and the newest records stay complete.
        """
        # An application that starts before the first agent finds no number in the file.
        limit = int(_read_fact(cursor, "max_records") or Settings.telemetry_max_records)
        waiting = cursor.execute("SELECT value FROM counters WHERE name = ?", (WAITING,)).fetchone()[0]
        if waiting <= limit:
            return
        span = max(int(limit * SAMPLE_RATIO), 2 * (waiting - limit))
        deleted = cursor.execute(
            "DELETE FROM records WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS place"
            " FROM records ORDER BY id LIMIT ?) WHERE place % 2 = 0)",
            (span,),
        ).rowcount
        _count(cursor, WAITING, -deleted)
        _count(cursor, SAMPLED_OUT, deleted)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS[self._durability], isolation_level=None, check_same_thread=False
        )
        try:
            # SQLite does not wait for the lock at this statement, so two processes that open a new file at once would collide.
            _insist(lambda: connection.execute("PRAGMA journal_mode = WAL"), seconds=BUSY_SECONDS[self._durability])
            connection.execute(f"PRAGMA synchronous = {self._durability}")
            connection.executescript(SCHEMA)
            connection.execute("INSERT OR IGNORE INTO facts VALUES ('stream', ?)", (str(uuid.uuid4()),))
            connection.execute(f"PRAGMA busy_timeout = {BUSY_STEP_MILLISECONDS}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Rename a damaged file, so that a new one can begin: a worn-out memory card costs the records that wait, not the device."""
        aside = self._path.with_name(f"{STORE_FILE}.damaged-{uuid.uuid4().hex[:8]}")
        log.error("the telemetry file is damaged (%s); set aside as %s", error, aside.name)
        self._path.rename(aside)
        for suffix in ("-wal", "-shm"):
            self._path.with_name(STORE_FILE + suffix).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        with self._lock:
            cursor = self._connection.cursor()
            _insist(lambda: cursor.execute("BEGIN IMMEDIATE"), seconds=BUSY_SECONDS[self._durability])
            try:
                yield cursor
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")


def _insist(act: Callable[[], object], *, seconds: float) -> None:
    """Do an action that needs the file's lock; while the other process holds it, try again every few milliseconds.

    SQLite's own wait grows to 100 ms between two tries. Beside an application that infers without a pause, the agent would
    then hardly ever find the file unlocked.

    Raises:
        sqlite3.OperationalError: the file stays locked, or the action fails for another reason.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            act()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & PRIMARY_CODE_MASK != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(BUSY_STEP_MILLISECONDS / 1000)
        else:
            return


def _read_fact(cursor: sqlite3.Cursor, name: str) -> str | None:
    row = cursor.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def _set_fact(cursor: sqlite3.Cursor, name: str, value: str) -> None:
    cursor.execute(
        "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
    )


def _count(cursor: sqlite3.Cursor, name: str, count: int) -> None:
    cursor.execute(
        "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (name, count),
    )


def _tally(cursor: sqlite3.Cursor, model: str, version: str, change: str, value: int | str) -> None:
    cursor.execute("INSERT OR IGNORE INTO tallies (model, version) VALUES (?, ?)", (model, version))
    # `change` is a constant of this module, never a text from outside.
    cursor.execute(f"UPDATE tallies SET {change} WHERE model = ? AND version = ?", (value, model, version))  # noqa: S608
