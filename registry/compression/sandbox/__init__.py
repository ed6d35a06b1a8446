"""Runs one named task in a confined child process."""
