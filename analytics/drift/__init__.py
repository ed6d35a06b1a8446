"""Compares telemetry with a version's baseline: over the fleet, at a place, on a device."""
