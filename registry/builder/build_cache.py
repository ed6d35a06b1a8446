"""The cache of builds: what a recipe made of the same files is taken from here, and judged again by each target's limits."""

from datetime import timedelta
from pathlib import Path

import msgspec
from django.conf import settings
from django.db.models.functions import Now

from registry.compression.child_tasks.messages import BuildAnswer
from registry.models import CachedBuild
from registry.storage import BlobCorrupt, BlobMissing, blobs


def get(key: str, *, folder: Path) -> tuple[BuildAnswer, Path | None] | None:
    """Return what a recipe made, with a checked copy of its file in the folder; None if the cache does not have it.

    A result whose file is damaged, or that an older release wrote in another form, is removed.
    """
    row = CachedBuild.objects.select_related("file").filter(key=key).first()
    if row is None:
        return None
    try:
        answer = msgspec.convert(row.answer, BuildAnswer)
        artifact = blobs.fetch(row.file, folder / f"cached-{key}.onnx") if row.file else None
    except (msgspec.ValidationError, BlobMissing, BlobCorrupt):
        row.delete()
        return None
    CachedBuild.objects.filter(key=key).update(used_at=Now())
    return answer, artifact


def put(key: str, answer: BuildAnswer, artifact: Path | None) -> None:
    """Keep what a recipe made; the file is stored first, so that every row has its bytes."""
    file = blobs.keep(artifact) if artifact else None
    values = {"file": file, "answer": msgspec.to_builtins(answer)}
    CachedBuild.objects.update_or_create(key=key, defaults=values)


def evict() -> int:
    """Forget the results that no build used for ``BUILD_CACHE_RETENTION``, and return how many; the blobs stay."""
    retention: timedelta = settings.BUILD_CACHE_RETENTION
    removed, _ = CachedBuild.objects.filter(used_at__lt=Now() - retention).delete()
    return removed
