"""Disks that fail at the n-th operation: one loses power, one is full.

`PowerCutDisk` works as the real one, and keeps what would be left if the power were cut before each operation: per file the
bytes of its last sync, per folder the names of its last sync, in each of the ways that POSIX allows the rest to be lost.
"""

import dataclasses
import enum
import errno
import os
from pathlib import Path

from edge_agent.machine.disk import Disk


class Loss(enum.Enum):
    """What becomes of what was not synced."""

    ALL = "all"  # bytes and names are lost
    BYTES = "bytes"  # names (creations, renames) survive, bytes do not: files of length zero
    TORN = "torn"  # names survive, and half of the bytes, with zeros behind


@dataclasses.dataclass
class Inode:
    durable: bytes = b""


Remains = dict[Path, bytes]


class PowerCutDisk(Disk):
    """A disk under `root` that keeps what a power cut before each of its operations would leave."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.operations = 0
        self.remains: list[Remains] = []
        self._inodes: dict[Path, Inode] = {}
        self._names: dict[Path, dict[str, Inode]] = {}
        for path in _agent_files(root):
            inode = self._inodes[path] = Inode(path.read_bytes())
            self._names.setdefault(path.parent, {})[path.name] = inode

    def write(self, path: Path, data: bytes, *, mode: int = 0o644) -> None:
        self._step()
        super().write(path, data, mode=mode)
        self._inodes.setdefault(path, Inode())

    def append(self, path: Path, data: bytes) -> None:
        self._step()
        super().append(path, data)
        self._inodes.setdefault(path, Inode())

    def sync(self, path: Path) -> None:
        self._step()
        self._inodes[path].durable = path.read_bytes()

    def replace(self, source: Path, destination: Path) -> None:
        self._step()
        super().replace(source, destination)
        self._inodes[destination] = self._inodes.pop(source)

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)
        self._inodes.pop(path, None)

    def create_folder(self, folder: Path) -> None:
        self._step()
        super().create_folder(folder)

    def sync_folder(self, folder: Path) -> None:
        self._step()
        self._names[folder] = {path.name: inode for path, inode in self._inodes.items() if path.parent == folder}

    def finish(self) -> list[Remains]:
        """Return what each power cut would have left, paths relative to `root`, each different remainder once."""
        self._step()
        different = []
        for remains in self.remains:
            relative = {path.relative_to(self.root): content for path, content in remains.items()}
            if relative not in different:
                different.append(relative)
        return different

    def _step(self) -> None:
        self.operations += 1
        self.remains += [self._survivors(loss) for loss in Loss]

    def _survivors(self, loss: Loss) -> Remains:
        if loss is Loss.ALL:
            return {
                folder / name: inode.durable for folder, names in self._names.items() for name, inode in names.items()
            }
        left = {}
        for path, inode in self._inodes.items():
            content = path.read_bytes()
            if loss is Loss.BYTES or content == inode.durable:
                left[path] = inode.durable
            else:
                left[path] = content[: len(content) // 2] + b"\0" * (len(content) - len(content) // 2)
        return left


def leave(home: Path, remains: Remains) -> None:
    """Make a home folder's files what a power cut left of them."""
    for path in _agent_files(home):
        path.unlink()
    for name, content in remains.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _agent_files(root: Path) -> list[Path]:
    """The files that the agent writes itself: SQLite's and the lock keep their own promises."""
    found = [path for path in root.rglob("*") if path.is_file()]
    return [path for path in found if not path.name.startswith(("telemetry.db", "agent.lock"))]


class FullDisk(Disk):
    """A disk that is full at its n-th operation that needs room, and at that one only."""

    def __init__(self, *, full_at: int | None = None) -> None:
        self.full_at = full_at
        self.operations = 0

    def write(self, path: Path, data: bytes, *, mode: int = 0o644) -> None:
        self._step(path)
        super().write(path, data, mode=mode)

    def append(self, path: Path, data: bytes) -> None:
        self._step(path)
        super().append(path, data)

    def _step(self, path: Path) -> None:
        self.operations += 1
        if self.operations == self.full_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
