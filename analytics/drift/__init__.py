"""Compares telemetry with a version's baseline: of the fleet, of a hardware target, of a label, of one device."""
