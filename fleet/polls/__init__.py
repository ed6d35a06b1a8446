"""Polls: a device asks which version it should run. One read, one pure decision, one answer."""
