"""Knows the devices: how they get in, who they are, what they follow, when they were seen."""
