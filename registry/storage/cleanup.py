"""Removes half-written files of killed processes: temporary files of uploads, and parts of blobs."""

import time
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from registry.storage import configured_store

# Longer than any upload or build takes, so that no living process loses a file.
_AGE_SECONDS = 24 * 3600


def remove() -> int:
    """Remove leftovers older than a day; return how many there were."""
    oldest = time.time() - _AGE_SECONDS
    removed = 0
    for path in Path(settings.FILE_UPLOAD_TEMP_DIR).glob("*.upload*"):
        with suppress(FileNotFoundError):  # a web process of another machine was faster
            if path.stat().st_mtime < oldest:
                path.unlink()
                removed += 1
    return removed + configured_store.blob_store().remove_leftovers(older_than_seconds=_AGE_SECONDS)
