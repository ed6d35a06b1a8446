"""Evaluates the drift of every version, and raises and ends alerts."""
