"""No address answers to a method that it does not have: 405 with ``Allow``, never a page, 403 or 500."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db

UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.parametrize("method", [*UNSAFE, "OPTIONS"])
@pytest.mark.parametrize("checks_csrf", [True, False])
def test_health_is_only_read(path, method, checks_csrf):
    answer = Client(enforce_csrf_checks=checks_csrf).generic(method, path)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("method", [*UNSAFE, "OPTIONS"])
def test_the_api_reference_is_only_read(client, method):
    answer = client.generic(method, "/api/docs")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path", ["/enrollment-keys/new", "/rollouts/new", "/upload", "/", "/models", "/admin/", "/admin/auth/user/"]
)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "BREW"])
def test_a_page_has_no_other_methods_than_browsers_use(client, path, method):
    client.force_login(User.objects.create_superuser("root"))
    answer = client.generic(method, path)
    assert answer.status_code == 405
    assert "GET" in answer["Allow"]
