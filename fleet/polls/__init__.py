"""Answers a device that asks what it should run: one read, one pure decision, one answer."""
