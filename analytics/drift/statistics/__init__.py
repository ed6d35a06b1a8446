"""Drift as pure functions over counts: no Django, no database, no clock.

``comparison`` puts the functions together, ``severity`` has every threshold. Server and agent share no code; the tests
of both read the same golden vectors.
"""
