"""Wiring only: settings, URLs, Celery, the web servers, the embedded engines, errors to HTTP. Nothing imports it."""
