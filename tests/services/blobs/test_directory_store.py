"""What the directory store promises about its disk."""

import hashlib
import os
import secrets
import signal
import stat
import subprocess
import sys

import pytest

from registry.storage import StoreFull, StoreUnavailable
from registry.storage.directory import DirectoryStore

MEBIBYTE = 1024 * 1024


def make_store(root):
    return DirectoryStore(root, secret=b"secret", public_url="http://127.0.0.1")


def list_files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def run_python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=True
    )


def test_blobs_are_readable_by_group_and_by_nobody_else_whatever_the_umask(tmp_path):
    store = make_store(tmp_path / "blobs")
    previous = os.umask(0o077)
    try:
        blob = store.put_bytes(b"hello")
    finally:
        os.umask(previous)
    assert stat.S_IMODE(store.path(blob.sha256).stat().st_mode) == 0o640


def test_equal_content_takes_room_once(tmp_path):
    store = make_store(tmp_path / "blobs")
    for _ in range(3):
        blob = store.put_bytes(b"hello")
    assert list_files(tmp_path) == [store.path(blob.sha256)]
    assert store.path(blob.sha256).stat().st_nlink == 1


# With a limit on the size of files the kernel itself refuses to write on, in the middle of the blob.
FULL = """
import resource, sys
from pathlib import Path
from registry.storage import DomainError
from registry.storage.directory import DirectoryStore
root, source, digest, destination = map(Path, sys.argv[1:])
store = DirectoryStore(root, secret=b"secret", public_url="http://127.0.0.1")
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20 + 2**19, 2**20 + 2**19))
acts = [lambda: store.put(source), lambda: store.put_bytes(source.read_bytes()), lambda: store.fetch(str(digest), destination)]
for act in acts:
    try:
        act()
    except DomainError as error:
        print(error.code, error.detail)
"""


def test_a_full_disk_is_named_and_nothing_is_left_behind(tmp_path):
    root, source = tmp_path / "blobs", tmp_path / "source"
    kept = make_store(root).put_bytes(secrets.token_bytes(3 * MEBIBYTE))
    source.write_bytes(secrets.token_bytes(3 * MEBIBYTE))
    before = list_files(tmp_path)
    result = run_python(FULL, root, source, kept.sha256, tmp_path / "copy")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["store_full"] * 3, result
    assert list_files(tmp_path) == before


PUT = """
import sys
from pathlib import Path
from registry.storage.directory import DirectoryStore
DirectoryStore(Path(sys.argv[1]), secret=b"secret", public_url="http://127.0.0.1").put(Path(sys.argv[2]))
"""


def test_a_writer_that_is_killed_leaves_no_blob_and_its_leftover_is_removed_later(tmp_path):
    root, pipe = tmp_path / "blobs", tmp_path / "pipe"
    os.mkfifo(pipe)
    process = subprocess.Popen([sys.executable, "-c", PUT, root, pipe])
    with pipe.open("wb", buffering=0) as writer:
        writer.write(b"x" * 3 * MEBIBYTE)  # returns when all but a pipe's length of it was read
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=15)
    assert not (root / "sha256").exists()
    assert len(list_files(root)) == 1
    store = make_store(root)
    assert store.remove_leftovers(older_than_seconds=3600) == 0
    leftover = list_files(root)[0]
    os.utime(leftover, (0, 0))
    blob = store.put_bytes(b"hello")
    assert store.remove_leftovers(older_than_seconds=3600) == 1
    assert list_files(root) == [store.path(blob.sha256)]


def test_a_name_appears_only_after_its_content_is_durable(tmp_path):
    """The order of the kernel calls of one `put`, as the kernel's tracer would see it."""
    trace = """
import os, sys
from pathlib import Path
from registry.storage.directory import DirectoryStore
order = []
fsync, link = os.fsync, os.link
def note_fsync(descriptor):
    order.append("directory" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
    fsync(descriptor)
def note_link(source, target):
    order.append("link")
    link(source, target)
os.fsync, os.link = note_fsync, note_link
DirectoryStore(Path(sys.argv[1]), secret=b"secret", public_url="http://127.0.0.1").put_bytes(b"hello")
print(*order)
"""
    result = run_python(trace, tmp_path / "blobs")
    assert result.stdout.split() == ["file", "link", "directory", "directory", "directory"]


@pytest.mark.parametrize("act", ["check", "put"])
def test_a_store_that_cannot_be_written_says_so(tmp_path, act):
    (tmp_path / "blobs").write_text("a file where the directory should be")
    store = make_store(tmp_path / "blobs")
    with pytest.raises(StoreUnavailable) as refusal:
        store.check() if act == "check" else store.put_bytes(b"hello")
    assert not isinstance(refusal.value, StoreFull)


def test_making_a_store_touches_no_disk_and_a_check_leaves_nothing(tmp_path):
    store = make_store(tmp_path / "blobs")
    assert not (tmp_path / "blobs").exists()
    store.check()
    assert list_files(tmp_path) == []


def test_a_big_file_is_streamed(tmp_path):
    """Storing and fetching 200 MB takes no more memory than a few chunks.

    VmHWM starts anew with the program; ru_maxrss would count the memory of the process that forked us.
    """
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(200 * MEBIBYTE)
    code = (
        PUT
        + """
store = DirectoryStore(Path(sys.argv[1]), secret=b"secret", public_url="http://127.0.0.1")
blob = store.put(Path(sys.argv[2]))
store.fetch(blob.sha256, Path(sys.argv[3]))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(blob.sha256, status["VmHWM"].split()[0])
"""
    )
    result = run_python(code, tmp_path / "blobs", source, tmp_path / "copy")
    digest, peak_kilobytes = result.stdout.split()
    with (tmp_path / "copy").open("rb") as copy:
        assert digest == hashlib.file_digest(copy, "sha256").hexdigest()
    assert int(peak_kilobytes) < 100 * 1024
