"""Calibration: the uploaded samples, and the ranges of activations computed from them. Runs in the child only."""
