"""Counts landed batches into roll-ups, exactly once, and merges their rows."""
