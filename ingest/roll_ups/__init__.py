"""Counts landed batches into roll-ups, exactly once."""
