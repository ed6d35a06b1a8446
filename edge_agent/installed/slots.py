"""Two slots per model and the pointer that says which of them is current.

A slot holds `manifest.json`, `model.sig` and the model file. Only the slot that the pointer does not need is ever written,
and the pointer is replaced, atomically and durably, only after the slot is. Layout of a model's folder::

    current.json        the pointer
    a/  b/              the slots
    download/           partial files
    state.json          see update/journal.py
"""

import dataclasses
import hashlib
import logging
from pathlib import Path

from edge_agent.errors import AgentError
from edge_agent.installed import manifest as manifests
from edge_agent.installed.manifest import MANIFEST_FILE, Manifest
from edge_agent.machine import disk as disks
from edge_agent.server.answers import Assignment
from edge_agent.update.failures import UpdateFailed
from edge_agent.update.signature import SIGNATURE_FILE

log = logging.getLogger(__name__)
POINTER_FILE = "current.json"
NAMES = ("a", "b")


class SlotBroken(AgentError):
    """A slot does not hold what its manifest says."""

    code = "slot_broken"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pointer:
    """What the device should load: a slot, or the fall-back model where `slot` is None."""

    model: str
    slot: str | None
    previous: str | None = None
    attempt_id: str = ""
    version: str = ""
    sha256: str = ""
    manifest_sha256: str = ""
    fallback_model: str | None = None


def read_pointer(folder: Path) -> Pointer | None:
    """Return a model folder's pointer, or None where there is none (or none that can be read, which is logged)."""
    try:
        document = disks.read_document(folder / POINTER_FILE)
        return None if document is None else Pointer(**document)
    except (ValueError, TypeError, OSError):
        log.exception("%s cannot be read", folder / POINTER_FILE)
        return None


def open_slot(folder: Path) -> tuple[Manifest, bytes]:
    """Return a slot's manifest and model bytes, whose digest is checked: what is loaded is what was verified.

    Raises:
        SlotBroken: a file is missing, torn or rotten.
    """
    try:
        manifest = manifests.parse((folder / MANIFEST_FILE).read_bytes())
        model = (folder / manifest.filename).read_bytes()
    except (OSError, UpdateFailed) as error:
        message = f"slot {folder}: {error}"
        raise SlotBroken(message) from error
    if hashlib.sha256(model).hexdigest() != manifest.sha256:
        message = f"slot {folder}: {manifest.filename} is not the file of its manifest"
        raise SlotBroken(message)
    return manifest, model


class Slots:
    """The slots of one model, written by the agent alone."""

    def __init__(self, folder: Path, *, disk: disks.Disk) -> None:
        self.folder = folder
        self._disk = disk

    def current(self) -> Pointer | None:
        """Return the pointer."""
        return read_pointer(self.folder)

    def folder_of(self, slot: str) -> Path:
        """Return a slot's folder."""
        return self.folder / slot

    def spare(self) -> str:
        """Return the slot that may be written: never the current one."""
        pointer = self.current()
        return NAMES[1] if pointer is not None and pointer.slot == NAMES[0] else NAMES[0]

    def holds(self, slot: str, *, assignment: Assignment) -> bool:
        """Say whether a slot holds the assigned manifest and file, byte for byte."""
        folder = self.folder_of(slot)
        wanted = {MANIFEST_FILE: assignment.manifest_sha256, assignment.filename: assignment.sha256}
        try:
            return (folder / SIGNATURE_FILE).is_file() and all(
                disks.hash_file(folder / name) == digest for name, digest in wanted.items()
            )
        except OSError:
            return False

    def is_sound(self, slot: str) -> bool:
        """Say whether a slot holds what its own manifest says."""
        try:
            open_slot(self.folder_of(slot))
        except SlotBroken:
            return False
        return True

    def clear(self, slot: str) -> None:
        """Empty a slot."""
        folder = self.folder_of(slot)
        if not folder.is_dir():
            return
        for path in folder.iterdir():
            self._disk.remove(path)
        self._disk.sync_folder(folder)

    def stage(self, slot: str, *, part: Path, filename: str, manifest: bytes, signature: bytes) -> None:
        """Fill a slot, durably; interrupted anywhere, doing it again does it."""
        folder = self.folder_of(slot)
        self._disk.ensure_folder(folder)
        self.clear(slot)
        for name, content in ((MANIFEST_FILE, manifest), (SIGNATURE_FILE, signature)):
            self._disk.write(folder / name, content)
            self._disk.sync(folder / name)
        self._disk.replace(part, folder / filename)
        self._disk.sync_folder(folder)
        self._disk.sync_folder(part.parent)

    def switch(self, pointer: Pointer) -> None:
        """Make a pointer current: atomic, and durable on return."""
        self._disk.ensure_folder(self.folder)
        self._disk.write_document(self.folder / POINTER_FILE, dataclasses.asdict(pointer))
