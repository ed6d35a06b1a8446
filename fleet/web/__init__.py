"""fleet in the console: the fleet page, devices, enrollment keys, rollouts."""
