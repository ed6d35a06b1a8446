"""Scopes in words: the fleet, a hardware target, a label, one device."""

from ingest.roll_ups.keys import Scope, ScopeKind


def name(scope: Scope) -> str:
    """Return the scope as a title: ``Whole fleet``, ``label site=osaka``."""
    return f"{scope.kind} {scope.value}" if scope.value else "Whole fleet"


def describe(scope: Scope) -> str:
    """Return the scope as the end of a sentence: ``at site=osaka``."""
    match scope.kind:
        case ScopeKind.FLEET:
            return "across the fleet"
        case ScopeKind.TARGET:
            return f"on {scope.value}"
        case ScopeKind.LABEL:
            return f"at {scope.value}"
        case ScopeKind.DEVICE:
            return f"on device {scope.value}"
