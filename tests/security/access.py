"""Who may do what: every route of the server, its methods, and for each method who may use it. There is no other copy of this table.

A method that a row leaves out does not exist: 405 for everybody. HEAD is GET; OPTIONS of the API is what ``options_of`` says.
"""

from tests.security.test_admin_pages_by_role import MAY as ADMIN_MAY

ROLES = frozenset({"viewer", "ml_engineer", "operator", "admin"})
READ, MODELS, FLEET, ADMINISTRATION = (
    ROLES,
    frozenset({"ml_engineer", "admin"}),
    frozenset({"operator", "admin"}),
    frozenset({"admin"}),
)
# Which device: the one that the request is about, or each of them for itself.
OWN_DEVICE, DEVICES = frozenset({"own device"}), frozenset({"own device", "other device"})
EVERYBODY, NOBODY = frozenset({"everybody"}), frozenset()

VERSION = "/api/models/{model}/versions/{version}"
VARIANT = VERSION + "/variants/{target}"
BUILD = VERSION + "/builds/{build}"
DEVICE = "/api/devices/{device_id}"
ROLLOUT = "/api/rollouts/{rollout_id}"

# Needs an API token or a session. Refusals: 401 without either, 403 without the role.
OPERATOR_API = {
    "/api/models": {"GET": READ, "POST": MODELS},
    "/api/models/{model}": {"GET": READ, "PATCH": MODELS, "DELETE": MODELS},
    "/api/models/{model}/versions": {"GET": READ, "POST": MODELS},
    "/api/models/{model}/compare": {"GET": READ},
    VERSION: {"GET": READ, "PATCH": MODELS, "DELETE": MODELS},
    f"{VERSION}/source": {"GET": READ},
    f"{VERSION}/cleaned": {"GET": READ},
    f"{VERSION}/retire": {"POST": MODELS},
    f"{VERSION}/baseline": {"POST": MODELS},
    f"{VERSION}/variants": {"POST": MODELS},
    f"{BUILD}/cancel": {"POST": MODELS},
    f"{BUILD}/retry": {"POST": MODELS},
    f"{BUILD}/log": {"GET": READ},
    f"{VARIANT}/rebuild": {"POST": MODELS},
    f"{VARIANT}/download": {"GET": READ},
    f"{VARIANT}/manifest": {"GET": READ},
    f"{VARIANT}/signature": {"GET": READ},
    f"{VERSION}/variants/{{variant}}/accept-calibration": {"POST": MODELS},
    f"{VERSION}/offers": {"GET": READ},
    f"{VERSION}/offers/{{target}}": {"GET": READ, "PUT": FLEET},
    "/api/models/{model}/channels": {"GET": READ},
    "/api/models/{model}/channels/{channel}": {"GET": READ, "PUT": FLEET},
    "/api/targets": {"GET": READ},
    "/api/recipes": {"GET": READ},
    "/api/enrollment-keys": {"GET": READ, "POST": FLEET},
    "/api/enrollment-keys/{key_id}": {"DELETE": FLEET},
    "/api/devices": {"GET": READ},
    DEVICE: {"GET": READ, "PATCH": FLEET, "DELETE": FLEET},
    f"{DEVICE}/resolve": {"GET": READ},
    **{f"{DEVICE}/{verb}": {"POST": FLEET} for verb in ("accept", "revoke", "rotate-token", "pin", "unpin")},
    "/api/rollouts": {"GET": READ, "POST": FLEET},
    "/api/rollouts/preview": {"POST": FLEET},
    ROLLOUT: {"GET": READ},
    **{f"{ROLLOUT}/{verb}": {"POST": FLEET} for verb in ("start", "pause", "resume", "advance", "abort", "roll-back")},
    "/api/drift": {"GET": READ},
    "/api/drift/series": {"GET": READ},
    "/api/drift/devices": {"GET": READ},
    "/api/alerts": {"GET": READ},
    "/api/alerts/{alert_id}/acknowledge": {"POST": FLEET},
    "/api/alerts/{alert_id}/resolve": {"POST": FLEET},
    "/api/audit": {"GET": ADMINISTRATION},
    "/api/tokens": {"GET": ADMINISTRATION, "POST": ADMINISTRATION},
    "/api/tokens/{token_id}": {"DELETE": ADMINISTRATION},
    "/metrics": {"GET": READ},
}
# Needs a device token. Refusals: 401 without one, 403 for a device that asks about another.
DEVICE_API = {
    "/api/models/latest": {"GET": OWN_DEVICE},
    "/api/ingest": {"POST": OWN_DEVICE},
    "/api/devices/self/reports": {"POST": DEVICES},
    "/api/devices/self/heartbeat": {"POST": DEVICES},
}
OPEN = {
    # The enrollment key is in the body.
    "/api/devices/enroll": {"POST": EVERYBODY, "OPTIONS": EVERYBODY},
    "/api/signing-keys": {"GET": EVERYBODY, "OPTIONS": EVERYBODY},
    "/api/schema": {"GET": EVERYBODY, "OPTIONS": EVERYBODY},
    "/api/docs": {"GET": EVERYBODY},
    "/livez": {"GET": EVERYBODY},
    "/readyz": {"GET": EVERYBODY},
}
# Needs a session. Refusals: the login page for strangers, 403 for people whose role does not allow it.
PAGES = {
    "/": {"GET": READ},
    "/devices/{device_id}": {"GET": READ},
    **{f"/devices/{{device_id}}/{verb}": {"POST": FLEET} for verb in ("accept", "revoke", "pin", "unpin")},
    "/enrollment-keys": {"GET": READ},
    "/enrollment-keys/new": {"GET": FLEET, "POST": FLEET},
    "/enrollment-keys/{key_id}/revoke": {"POST": FLEET},
    "/rollouts": {"GET": READ},
    "/rollouts/new": {"GET": FLEET, "POST": FLEET},
    "/rollouts/{rollout_id}": {"GET": READ},
    "/rollouts/{rollout_id}/{name}": {"POST": FLEET},
    "/models": {"GET": READ},
    "/models/{model}": {"GET": READ},
    "/models/{model}/channels": {"POST": FLEET},
    "/models/{model}/compare": {"GET": READ},
    "/models/{model}/{version}": {"GET": READ},
    "/models/{model}/{version}/progress": {"GET": READ},
    "/models/{model}/{version}/targets": {"POST": MODELS},
    "/models/{model}/{version}/all-methods": {"POST": MODELS},
    "/models/{model}/{version}/builds/{build}": {"GET": READ},
    "/models/{model}/{version}/builds/{build}/cancel": {"POST": MODELS},
    "/models/{model}/{version}/builds/{build}/retry": {"POST": MODELS},
    "/models/{model}/{version}/variants/{variant}/offer": {"GET": FLEET, "POST": FLEET},
    "/models/{model}/{version}/variants/{variant}/accept": {"GET": MODELS, "POST": MODELS},
    "/upload": {"GET": MODELS, "POST": MODELS},
    "/models/{model}/upload": {"GET": MODELS, "POST": MODELS},
    "/drift": {"GET": READ},
    "/drift/baseline": {"POST": MODELS},
    "/alerts": {"GET": READ},
    "/alerts/{alert_id}": {"GET": READ},
    "/alerts/{alert_id}/acknowledge": {"POST": FLEET},
    "/alerts/{alert_id}/resolve": {"POST": FLEET},
}


def _both(who: frozenset[str]) -> dict[str, frozenset[str]]:
    """Return the row of a page of the web admin: Django answers POST wherever it answers GET."""
    return {"GET": who, "POST": who}


def _of_rows(label: str) -> dict[str, dict[str, frozenset[str]]]:
    """Return the pages of one model in the web admin."""
    may, start = {name: frozenset(who) for name, who in ADMIN_MAY[label].items()}, f"/admin/{label.replace('.', '/')}/"
    return {
        start: _both(may["view"]),
        f"{start}add/": _both(may["add"]),
        f"{start}{{object_id}}/history/": _both(may["view"]),
        f"{start}{{object_id}}/delete/": _both(may["delete"]),
        f"{start}{{object_id}}/change/": {"GET": may["view"], "POST": may["change"]},
        # Leads to the page that changes the row.
        f"{start}{{object_id}}/": _both(READ),
    }


# Needs a session with a role. Refusals: the login page without a role, 403 for another role.
ADMIN_PAGES = {
    "/admin/": _both(READ),
    "/admin/password_change/": _both(READ),
    "/admin/password_change/done/": {"GET": READ, "POST": NOBODY},
    # No page has a field that asks it.
    "/admin/autocomplete/": _both(NOBODY),
    "/admin/jsi18n/": {"GET": READ, "POST": NOBODY},
    "/admin/r/{content_type_id}/{object_id}/": _both(READ),
    "/admin/{app_label}/": _both(READ),
    # Not found.
    "/admin/{url}": _both(READ),
    "/admin/auth/user/{id}/password/": _both(frozenset(ADMIN_MAY["auth.user"]["change"])),
    **{path: row for label in ADMIN_MAY for path, row in _of_rows(label).items()},
}
LOGIN_AND_LOGOUT = {
    "/admin/login/": {"GET": EVERYBODY, "POST": EVERYBODY, "PUT": EVERYBODY, "OPTIONS": EVERYBODY},
    "/admin/logout/": {"POST": EVERYBODY},
    "/logout": {"POST": EVERYBODY, "OPTIONS": EVERYBODY},
}
TABLE = OPERATOR_API | DEVICE_API | OPEN | PAGES | ADMIN_PAGES | LOGIN_AND_LOGOUT


def who_may(route: str, method: str) -> frozenset[str] | None:
    """Return who may use a method of a route; None if the route does not have it."""
    row = TABLE[route]
    if method == "OPTIONS" and method not in row:
        return options_of(route)
    return row.get("GET" if method == "HEAD" else method)


def options_of(route: str) -> frozenset[str] | None:
    """Return who may ask the API to describe a route: those who may read its area."""
    if route in OPERATOR_API:
        return ADMINISTRATION if set(OPERATOR_API[route].values()) == {ADMINISTRATION} else READ
    # Two views of devices check the token themselves, in the read that answers the request.
    return {"/api/models/latest": EVERYBODY, "/api/ingest": EVERYBODY}.get(
        route, DEVICES if route in DEVICE_API else None
    )
