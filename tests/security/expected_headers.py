"""The headers that every answer has. The walk over the authorization matrix checks them for every route, method and caller."""

from collections.abc import Mapping

from config.web import headers

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def find_wrong(answer: Mapping[str, str]) -> dict[str, str | None]:
    """Return the headers of an answer that are missing or not as they should be."""
    wrong = {name: answer.get(name) for name, value in ALWAYS.items() if answer.get(name) != value}
    is_page = (answer.get("Content-Type") or "").startswith("text/html")
    policy = answer.get("Content-Security-Policy")
    if policy != (headers.PAGE_POLICY if is_page else headers.DATA_POLICY):
        wrong["Content-Security-Policy"] = policy
    # The poll keeps its own: a device may keep the answer, and must ask again.
    kept = answer.get("Cache-Control") or ""
    if "no-store" not in kept and kept != "private, no-cache":
        wrong["Cache-Control"] = kept
    return wrong
