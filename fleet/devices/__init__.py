"""Devices: enrollment, tokens, labels, subscriptions, pins, and when each device was last seen."""
