"""Telemetry's door."""
