"""Telemetry in: batches are checked, landed (stored durably, before the answer), and counted exactly once into roll-ups.

It knows nothing of drift or alerts; analytics reads its counts.
"""
