"""Calibration: the uploaded samples, and the ranges of activations that they give. Runs in the child only."""
