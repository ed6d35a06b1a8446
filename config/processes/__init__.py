"""Owns operating-system processes: starts them so that they cannot outlive this process, finds them, ends them.

Knows nothing of PostgreSQL, Redis, Django or Modelfleet's programs. Needs Linux, and of Modelfleet only its error classes.
"""
