"""Owns the life of operating-system processes: starting them so that they cannot outlive us, finding and ending them.

Knows nothing of PostgreSQL, Redis, Django or Modelfleet's own parts; the standard library and Linux are all it needs.
"""
