"""Where a comparison is made, as words: the fleet, a hardware target, a label, one device."""

from ingest.roll_ups.counting import Scope

FLEET = Scope("fleet", "")
LABEL = "label"
TARGET = "target"
DEVICE = "device"


def describe(scope: Scope) -> str:
    """Return the scope as the end of a sentence: ``at site=osaka``."""
    if scope.kind == FLEET.kind:
        return "across the fleet"
    if scope.kind == TARGET:
        return f"on {scope.value}"
    if scope.kind == DEVICE:
        return f"on device {scope.value}"
    return f"at {scope.value}"
