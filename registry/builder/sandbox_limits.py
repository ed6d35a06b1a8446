"""What the settings allow a sandboxed task to use."""

from django.conf import settings

from registry.compression.sandbox.limits import Limits


def configured() -> Limits:
    """Return the limits; a task may wait for half as long again as it may compute."""
    return Limits(
        memory_bytes=settings.SANDBOX_MEMORY_BYTES,
        cpu_seconds=settings.SANDBOX_SECONDS,
        wall_seconds=settings.SANDBOX_SECONDS * 1.5,
    )
