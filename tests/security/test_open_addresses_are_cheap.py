"""What everybody may ask costs the server little."""

import pytest

from config.web.api_schema import SchemaOnce

pytestmark = pytest.mark.django_db


def test_the_schema_is_drawn_once(client):
    assert SchemaOnce().get_schema(public=True) is SchemaOnce(api_version="2").get_schema(public=True)
    assert client.get("/api/schema?format=json&version=2").json() == client.get("/api/schema?format=json").json()


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_the_schema_is_written_once(client, form):
    """The same bytes, not equal ones: nothing was written for the second answer."""
    answers = [client.get("/api/schema", {"format": form, "n": number}) for number in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].rendered_content is answers[1].rendered_content
    assert b"openapi" in answers[0].content[:20]


def test_the_description_of_the_view_is_not_the_schema(client):
    answer = client.options("/api/schema", headers={"accept": "application/json"})
    assert set(answer.json()) >= {"name", "renders"}
