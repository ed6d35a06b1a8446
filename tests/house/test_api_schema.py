"""Every route is described, and the description changes only where somebody looks."""

import json
import re

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from tests.house.project import ROOT

SNAPSHOT = ROOT / "tests" / "contract" / "openapi.json"
# For people and for programs that look after the server; everything else is below /api and in the schema.
NOT_IN_THE_SCHEMA = {"api/schema", "api/docs", "livez", "readyz", "metrics", "logout"}
# A page that is not here has been added without a look at the list of what people can open.
PAGES = {
    "",
    "alerts",
    "alerts/{alert_id}",
    "alerts/{alert_id}/acknowledge",
    "alerts/{alert_id}/resolve",
    "devices/{device_id}",
    "devices/{device_id}/accept",
    "devices/{device_id}/pin",
    "devices/{device_id}/revoke",
    "devices/{device_id}/unpin",
    "drift",
    "drift/baseline",
    "enrollment-keys",
    "enrollment-keys/new",
    "enrollment-keys/{key_id}/revoke",
    "models",
    "models/{model}",
    "models/{model}/channels",
    "models/{model}/compare",
    "models/{model}/upload",
    "models/{model}/{version}",
    "models/{model}/{version}/all-methods",
    "models/{model}/{version}/builds/{build}",
    "models/{model}/{version}/builds/{build}/cancel",
    "models/{model}/{version}/builds/{build}/retry",
    "models/{model}/{version}/progress",
    "models/{model}/{version}/targets",
    "models/{model}/{version}/variants/{variant}/accept",
    "models/{model}/{version}/variants/{variant}/offer",
    "rollouts",
    "rollouts/new",
    "rollouts/{rollout_id}",
    "rollouts/{rollout_id}/{name}",
    "upload",
}


@pytest.fixture(scope="module")
def schema():
    GENERATOR_STATS.reset()
    generated = SchemaGenerator().get_schema(request=None, public=True)
    return json.loads(json.dumps(generated))


def list_routes(patterns=None, prefix=""):
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver) and path != "admin/":
            yield from list_routes(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)


def test_the_schema_is_the_committed_one(schema):
    assert schema == json.loads(SNAPSHOT.read_text()), "run `make docs`, and look at the diff"


def test_the_schema_is_drawn_without_warnings(schema):
    assert dict(GENERATOR_STATS._warn_cache) == {}
    assert dict(GENERATOR_STATS._error_cache) == {}


def test_every_api_route_is_in_the_schema(schema):
    routes = {f"/{route}" for route in list_routes() if route.startswith("api/") and route not in NOT_IN_THE_SCHEMA}
    assert routes == set(schema["paths"])


def test_routes_outside_the_api_are_known():
    pages = {route for route in list_routes() if not route.startswith("api/")}
    assert pages == PAGES | (NOT_IN_THE_SCHEMA - {"api/schema", "api/docs"})


def test_every_operation_has_a_name_of_its_own(schema):
    names = [operation["operationId"] for path in schema["paths"].values() for operation in path.values()]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []
