"""What everybody may ask costs the server little."""

import pytest

from config.web.api_schema import SchemaOnce

pytestmark = pytest.mark.django_db


def test_the_schema_is_drawn_once(client):
    assert SchemaOnce().get_schema(public=True) is SchemaOnce(api_version="2").get_schema(public=True)
    assert client.get("/api/schema?format=json&version=2").json() == client.get("/api/schema?format=json").json()
