import os
import time
from pathlib import Path

from registry.storage import cleanup

DAY_SECONDS = 24 * 3600


def test_only_what_is_older_than_a_day_is_removed(settings, tmp_path):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    old, fresh, other = (tmp_path / name for name in ("a.upload.onnx", "b.upload.onnx", "job-1"))
    for path in (old, fresh, other):
        path.write_bytes(b"x")
    for path in (old, other):
        os.utime(path, (time.time() - DAY_SECONDS - 60,) * 2)
    assert cleanup.remove() == 1
    assert sorted(Path(tmp_path).iterdir()) == [fresh, other]
