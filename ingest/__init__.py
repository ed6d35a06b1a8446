"""What came back: telemetry validated, landed durably, counted exactly once into roll-ups.

It knows nothing of drift or alerts; it offers counts to those who do.
"""
