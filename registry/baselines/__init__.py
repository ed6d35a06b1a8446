"""Baselines: what the output of a version normally looks like, and the histograms that count it."""
