"""Owns devices, enrollment, subscriptions, rollouts, and the decision which version a device runs.

It knows nothing of telemetry. Verdicts about telemetry come down as rows, and gates of the fleet decide.
"""
