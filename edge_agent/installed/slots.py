"""The two slots of a model. The agent writes only the slot that the pointer does not name.

An update fills the spare slot, makes it durable, and only then replaces the pointer. A power cut at any moment therefore
leaves the pointer at a whole slot.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from edge_agent.errors import AgentError
from edge_agent.installed import manifest as manifests
from edge_agent.installed import pointer as pointers
from edge_agent.installed.manifest import BadManifest, Manifest
from edge_agent.installed.pointer import Pointer
from edge_agent.machine import disk as disks
from edge_agent.names import MANIFEST_FILE, SIGNATURE_FILE

NAMES = ("a", "b")


class SlotBroken(AgentError):
    """A slot does not hold the file that its manifest describes."""

    code = "slot_broken"


def open_slot(folder: Path) -> tuple[Manifest, bytes]:
    """Return a slot's manifest and the bytes of its model.

    The digest is checked on these very bytes: a file that is hashed first and opened again could change in between.

    Raises:
        SlotBroken: a file is missing, cut or damaged.
    """
    try:
        manifest = manifests.parse((folder / MANIFEST_FILE).read_bytes())
        model = (folder / manifest.filename).read_bytes()
    except (OSError, BadManifest) as error:
        message = f"slot {folder}: {error}"
        raise SlotBroken(message) from error
    if hashlib.sha256(model).hexdigest() != manifest.sha256:
        message = f"slot {folder}: {manifest.filename} is not the file of its manifest"
        raise SlotBroken(message)
    return manifest, model


class Slots:
    """The slots of one model, for the agent; applications only call `open_slot`."""

    def __init__(self, folder: Path, *, disk: disks.Disk) -> None:
        self.folder = folder
        self._disk = disk

    def current(self) -> Pointer | None:
        """Return the pointer; None before the first update."""
        return pointers.read(self.folder)

    def folder_of(self, slot: str) -> Path:
        """Return a slot's folder, which may not exist yet."""
        return self.folder / slot

    def spare(self) -> str:
        """Return the slot that may be written: never the one in use."""
        pointer = self.current()
        return NAMES[1] if pointer is not None and pointer.slot == NAMES[0] else NAMES[0]

    def holds(self, slot: str, *, digests: Mapping[str, str]) -> bool:
        """Say whether a slot holds a signature, and files with these SHA-256 digests by name."""
        folder = self.folder_of(slot)
        try:
            return (folder / SIGNATURE_FILE).is_file() and all(
                disks.hash_file(folder / name) == digest for name, digest in digests.items()
            )
        except OSError:
            return False

    def is_sound(self, slot: str) -> bool:
        """Say whether a slot holds the file that its own manifest describes."""
        try:
            open_slot(self.folder_of(slot))
        except SlotBroken:
            return False
        return True

    def clear(self, slot: str) -> None:
        """Remove every file of a slot."""
        folder = self.folder_of(slot)
        if not folder.is_dir():
            return
        for path in folder.iterdir():
            self._disk.remove(path)
        self._disk.sync_folder(folder)

    def stage(self, slot: str, *, part: Path, filename: str, manifest: bytes, signature: bytes) -> None:
        """Fill a slot, durably; `part` is the downloaded file and moves into it. After a cut, the same call does it again."""
        folder = self.folder_of(slot)
        self._disk.ensure_folder(folder)
        self.clear(slot)
        for name, content in ((MANIFEST_FILE, manifest), (SIGNATURE_FILE, signature)):
            self._disk.write(folder / name, content)
            self._disk.sync(folder / name)
        # A rename instead of a copy: the download has synced these bytes already, and the disk may have no room for two.
        self._disk.replace(part, folder / filename)
        self._disk.sync_folder(folder)
        self._disk.sync_folder(part.parent)

    def switch(self, pointer: Pointer) -> None:
        """Make a pointer the current one, atomically and durably."""
        pointers.write(self.folder, pointer, disk=self._disk)
