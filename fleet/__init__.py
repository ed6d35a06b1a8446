"""Where models run: devices, enrollment, subscriptions, rollouts, and what a device should run now.

It knows nothing of telemetry: verdicts about it come down as calls of ``fleet.rollouts.verbs`` verbs.
"""
