"""The log settings of every process: lines on standard error, each with the id of the request that it belongs to."""

from typing import Any


def describe(log_format: str) -> dict[str, Any]:
    """Return the argument of ``logging.config.dictConfig`` for ``LOG_FORMAT``, which is ``text`` or ``json``."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": "config.web.request_ids.RequestIdFilter"}},
        "formatters": {
            "text": {"format": "{asctime} {levelname} {name} [{request_id}] {message}", "style": "{"},
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "format": "{asctime}{levelname}{name}{request_id}{message}",
                "style": "{",
            },
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": log_format, "filters": ["request_id"]},
        },
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            "django.request": {"level": "ERROR"},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            # These would write two lines for each task that beat sends.
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
        },
    }
