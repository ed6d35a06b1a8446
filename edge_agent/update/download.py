"""Downloading a model file without fetching a byte twice: a partial file per digest, continued with Range after a stop.

A partial file is not trusted. The complete file is hashed from the disk (`disk.hash_file`): a tail that a power cut damaged
costs one more download, and never a bad model.
"""

import datetime
import errno
import logging
from collections.abc import Callable
from pathlib import Path

import httpx

from edge_agent.machine.clock import Clock
from edge_agent.machine.disk import Disk, hash_file, read_document
from edge_agent.server.answers import Assignment
from edge_agent.server.client import CHUNK_BYTES, Client
from edge_agent.server.failures import ServerBroken, ServerTrouble, Unreachable
from edge_agent.update.failures import Failure, UpdateFailed

log = logging.getLogger(__name__)
SYNC_EVERY_BYTES = 8 * 1024 * 1024
BUDGET_FILE = "download_budget.json"
DISK_FULL_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT})


class BudgetSpent(ServerTrouble):
    """The day's bytes are used up; the download goes on tomorrow where it stopped."""

    code = "budget_spent"


class DailyBudget:
    """The bytes that may still be downloaded today (UTC), kept in a file across restarts."""

    def __init__(self, home: Path, *, most_bytes: int | None, disk: Disk, clock: Clock) -> None:
        self._path = home / BUDGET_FILE
        self._most_bytes = most_bytes
        self._disk = disk
        self._clock = clock
        kept = self._read()
        self._day: str = kept[0]
        self._spent_bytes: int = kept[1]

    def spend(self, count: int) -> None:
        """Count bytes that are about to be written.

        Raises:
            BudgetSpent: they exceed the budget of today.
        """
        if self._most_bytes is None:
            return
        today = datetime.datetime.fromtimestamp(self._clock.now(), tz=datetime.UTC).date().isoformat()
        if today != self._day:
            self._day, self._spent_bytes = today, 0
        if self._spent_bytes + count > self._most_bytes:
            message = f"daily_download_bytes ({self._most_bytes}) are used up"
            raise BudgetSpent(message)
        self._spent_bytes += count

    def save(self) -> None:
        """Write the count to its file."""
        if self._most_bytes is not None:
            self._disk.write_document(self._path, {"day": self._day, "spent_bytes": self._spent_bytes})

    def _read(self) -> tuple[str, int]:
        try:
            document = read_document(self._path) or {}
            return str(document.get("day", "")), int(document.get("spent_bytes", 0))
        except (ValueError, TypeError):
            return "", 0


class Download:
    """The downloads of one model, and its partial files."""

    def __init__(self, folder: Path, *, client: Client, disk: Disk, budget: DailyBudget) -> None:
        self._folder = folder
        self._client = client
        self._disk = disk
        self._budget = budget

    def part_of(self, assignment: Assignment) -> Path:
        """Return the partial file of an assignment; its name is the digest, so another version never continues it."""
        return self._folder / f"{assignment.sha256}.part"

    def count_missing(self, assignment: Assignment) -> int:
        """Return how many bytes the partial file lacks."""
        part = self.part_of(assignment)
        return assignment.size_bytes - (part.stat().st_size if part.exists() else 0)

    def obtain(
        self,
        assignment: Assignment,
        *,
        min_free_bytes: int,
        make_room: Callable[[], None],
        between_chunks: Callable[[], None],
    ) -> Path:
        """Return the assigned file, complete and with the assigned digest.

        A file with another digest is deleted and fetched once more: a power cut may have damaged the first one.

        Args:
            assignment: the file to fetch.
            min_free_bytes: the room that must stay free on the disk.
            make_room: called once when the disk has too little room, to free some.
            between_chunks: called after each chunk; the agent does its other duties there, and may raise `Interrupted`.

        Raises:
            ServerTrouble: as `run`.
            UpdateFailed: `checksum_mismatch`, `disk_full`, or as `run`.
        """
        found = ""
        for _ in range(2):
            self._check_room(assignment, min_free_bytes=min_free_bytes, make_room=make_room)
            part = self.run(assignment, between_chunks=between_chunks)
            found = hash_file(part)
            if found == assignment.sha256:
                return part
            log.warning("%s: the downloaded file has digest %s", assignment.model, found)
            self._disk.remove(part)
        raise UpdateFailed(Failure.CHECKSUM_MISMATCH, f"got {found}, twice; wanted {assignment.sha256}")

    def run(self, assignment: Assignment, *, between_chunks: Callable[[], None]) -> Path:
        """Fetch the missing bytes and return the complete file, durable and not yet verified.

        Raises:
            ServerTrouble: the transfer stopped on the way; the bytes so far stay.
            UpdateFailed: `download_failed`: the server sends more bytes than it announced.
        """
        self._disk.ensure_folder(self._folder)
        part = self.part_of(assignment)
        # The partial file of an assignment that was replaced would take room for ever.
        for stale in self._folder.glob("*.part"):
            if stale != part:
                self._disk.remove(stale)
        if self.count_missing(assignment) < 0:
            self._disk.remove(part)
        if self.count_missing(assignment) > 0 or not part.exists():
            try:
                self._fetch(assignment, part=part, between_chunks=between_chunks)
            finally:
                self._budget.save()
        self._disk.sync(part)
        self._disk.sync_folder(self._folder)
        return part

    def _check_room(self, assignment: Assignment, *, min_free_bytes: int, make_room: Callable[[], None]) -> None:
        self._disk.ensure_folder(self._folder)
        needed = self.count_missing(assignment) + min_free_bytes
        if self._disk.free_bytes(self._folder) < needed:
            make_room()
        free = self._disk.free_bytes(self._folder)
        if free < needed:
            raise UpdateFailed(
                Failure.DISK_FULL, f"{free} bytes are free, {needed} are needed (min_free_bytes included)"
            )

    def _fetch(self, assignment: Assignment, *, part: Path, between_chunks: Callable[[], None]) -> None:
        offset = part.stat().st_size if part.exists() else 0
        with self._client.fetch(assignment.download_url, offset=offset) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                self._disk.remove(part)
                message = "the file server has fewer bytes than it announced"
                raise ServerBroken(message)
            if response.status_code == httpx.codes.OK:
                # A server without Range sends the file from its first byte.
                self._disk.write(part, b"")
                offset = 0
            elif not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
                # Bytes from another offset, appended here, would spoil the file.
                message = "the file server answered with another range than asked"
                raise ServerBroken(message)
            received = self._keep(
                response, part=part, room=assignment.size_bytes - offset, between_chunks=between_chunks
            )
        if offset + received < assignment.size_bytes:
            message = f"the file ended at {offset + received} of {assignment.size_bytes} bytes"
            raise Unreachable(message)

    def _keep(self, response: httpx.Response, *, part: Path, room: int, between_chunks: Callable[[], None]) -> int:
        received = unsynced = 0
        for chunk in response.iter_raw(CHUNK_BYTES):
            received += len(chunk)
            unsynced += len(chunk)
            if received > room:
                self._disk.remove(part)
                raise UpdateFailed(Failure.DOWNLOAD_FAILED, "the file server sends more bytes than announced")
            self._budget.spend(len(chunk))
            self._disk.append(part, chunk)
            # A power cut then costs 8 MiB at most, not the whole of a slow download.
            if unsynced >= SYNC_EVERY_BYTES:
                self._disk.sync(part)
                self._budget.save()
                unsynced = 0
            between_chunks()
        return received
