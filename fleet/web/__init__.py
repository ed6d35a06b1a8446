"""Pages of the fleet: all devices, one device, enrollment keys, rollouts."""
