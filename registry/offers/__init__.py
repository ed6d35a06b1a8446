"""Offers: which variants of a version devices of a target are given, in which order. Fixed by an act, and changed by acts only.

Knows nothing of devices: which of the offered variants one device can run is decided by the fleet.
"""
