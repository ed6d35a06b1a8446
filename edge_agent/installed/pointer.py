"""The pointer: the small file that says which slot of a model is in use. It is replaced as a whole, never edited."""

import dataclasses
import logging
from pathlib import Path

from edge_agent.machine import disk as disks

log = logging.getLogger(__name__)
POINTER_FILE = "current.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pointer:
    """The slot in use and the version in it; `slot` None means the fall-back model, or no model at all.

    `previous` is the slot to roll back to. It is None after a roll-back: the slot that failed is no way back.
    """

    model: str
    slot: str | None
    previous: str | None = None
    attempt_id: str = ""
    version: str = ""
    sha256: str = ""
    manifest_sha256: str = ""
    fallback_model: str | None = None


def read(folder: Path) -> Pointer | None:
    """Return the pointer in a model's folder; None where the file is missing, or cannot be read (which is logged)."""
    try:
        document = disks.read_document(folder / POINTER_FILE)
        return None if document is None else Pointer(**document)
    except (ValueError, TypeError, OSError):
        log.exception("%s cannot be read", folder / POINTER_FILE)
        return None


def write(folder: Path, pointer: Pointer, *, disk: disks.Disk) -> None:
    """Replace the pointer, atomically and durably: this is the moment at which the device changes its model."""
    disk.ensure_folder(folder)
    disk.write_document(folder / POINTER_FILE, dataclasses.asdict(pointer))
