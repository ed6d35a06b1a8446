import pytest
from django.contrib.auth.models import Group, User
from django.test import Client


@pytest.fixture
def person(db):
    """``person("ml_engineer")`` is a browser logged in as somebody of that role."""

    def log_in(role, **options):
        user = User.objects.create_user(f"a-{role}", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        browser = Client(**options)
        browser.force_login(user)
        return browser

    return log_in
