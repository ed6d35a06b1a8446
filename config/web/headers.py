"""The headers of every answer: what a browser may do with it, and whether anybody keeps it.

Each is a default: a view that sets one of them itself keeps its own, such as the ``Cache-Control`` of a poll.
"""

from typing import Final

from config.environment import environment

# A browser that has seen this header once uses HTTPS only. Other hosts of the domain are not ours to decide.
HSTS_SECONDS: Final = 365 * 86_400 if (environment.public_url or "").startswith("https://") else 0

# Pages load nothing from other hosts and run no inline scripts (base.html switches off htmx's evaluation of scripts). Inline
# styles are allowed, because charts set the lengths of their bars in the attribute ``style``.
PAGE_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
# An answer that is not HTML loads nothing and runs nothing, even in a browser that opens it as a page.
DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"


def defaults(*, content_type: str, hsts_seconds: int = HSTS_SECONDS) -> dict[str, str]:
    """Return the headers for an answer of this type."""
    found = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": PAGE_POLICY if content_type.startswith("text/html") else DATA_POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    if hsts_seconds:
        found["Strict-Transport-Security"] = f"max-age={hsts_seconds}"
    return found
