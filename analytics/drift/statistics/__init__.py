"""Drift as pure functions over counts: no Django, no database, no clock.

``comparison`` puts them together; ``severity`` holds every threshold. Server and agent share golden vectors, not code.
"""
