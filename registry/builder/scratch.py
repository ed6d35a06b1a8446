"""The working folder of a job below MODELFLEET_HOME/tmp, removed with the job; a sweep removes those of killed workers."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from registry.jobs import Lease
from registry.models import Job
from registry.states import JobStatus

_PREFIX = "job-"


@contextmanager
def folder(lease: Lease) -> Iterator[Path]:
    """Yield an empty folder that carries the lease's token, and remove it afterward."""
    path = _root() / f"{_PREFIX}{lease.token.hex}"
    path.mkdir(mode=0o700, parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep() -> None:
    """Remove the folders whose lease no worker holds any more."""
    # List the folders before reading the rows. A folder is made after its lease is committed, so each living one has a row.
    found = {path.name.removeprefix(_PREFIX): path for path in _root().glob(f"{_PREFIX}*")}
    if not found:
        return
    held = Job.objects.filter(status=JobStatus.RUNNING).values_list("lease_token", flat=True)
    for token in found.keys() - {token.hex for token in held if token}:
        shutil.rmtree(found[token], ignore_errors=True)


def _root() -> Path:
    return Path(settings.MODELFLEET_HOME) / "tmp"
