"""Wiring: settings, URLs, Celery, the web servers, the supervisor, the embedded engines, and errors as HTTP.

It imports all apps, and no app imports it.
"""
