"""Evaluates drift everywhere, and keeps the alerts that follow from it."""
