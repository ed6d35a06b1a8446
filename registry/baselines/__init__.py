"""Baselines: the normal output of a version, and the histograms that count it."""
