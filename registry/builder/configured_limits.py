"""The limits of sandboxed tasks that the settings choose."""

from django.conf import settings

from registry.compression.sandbox import machine
from registry.compression.sandbox.limits import Limits


def configured() -> Limits:
    """Return the limits. A task may take half as long again by the clock as it may compute."""
    return Limits(
        memory_bytes=settings.SANDBOX_MEMORY_BYTES or machine.choose_memory_bytes(),
        cpu_seconds=settings.SANDBOX_SECONDS,
        wall_seconds=settings.SANDBOX_SECONDS * 1.5,
    )
