"""The operations of the schema that a device token opens."""

import json
from pathlib import Path
from typing import Any

SCHEMA = json.loads((Path(__file__).parents[1] / "contract" / "openapi.json").read_text())
INGEST = "/api/ingest"
# These two check the token themselves: the schema names no scheme for them.
CHECK_THEMSELVES = {INGEST, "/api/models/latest"}


def list_operations() -> list[tuple[str, str]]:
    """Return method and path of each."""
    operations = [(verb, path, found) for path, item in SCHEMA["paths"].items() for verb, found in item.items()]
    return [(verb.upper(), path) for verb, path, found in operations if _is_of_devices(path, found)]


def _is_of_devices(path: str, operation: dict[str, Any]) -> bool:
    return path in CHECK_THEMSELVES or {"deviceToken": []} in operation.get("security", [])
