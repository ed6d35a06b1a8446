"""``?status__regex=[`` gave 500. No query and no selection of any page of the web admin is a fault of the server."""

from itertools import product

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Field
from django.test import Client
from rest_framework.test import APIClient

from tests.security import admin_rows
from tests.security.admin_rows import MODELS, address, name_of, some_row

pytestmark = pytest.mark.django_db

HUGE = "9" * 40
WRONG = ["[", "(", "\\", "%00", HUGE, f"-{HUGE}", "x", "", "1,2", "{}", "2026-99-99", "%ED%A0%BD", "é" * 5000]
LOOKUPS = ["", "regex", "iregex", "exact", "in", "isnull", "gte", "contains", "range", "year", "id__exact", "nothing"]
OTHERS = [
    "o",
    "p",
    "q",
    "all",
    "e",
    "_to_field",
    "_popup",
    "_facets",
    "_changelist_filters",
    "nothing",
    "nothing__regex",
]


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """The rows and the session, made once: each test undoes only its own changes."""
    with django_db_blocker.unblock(), transaction.atomic():
        admin_rows.make(APIClient())
        browser = Client(raise_request_exception=False)
        browser.force_login(User.objects.create_superuser("root"))
        yield browser
        transaction.set_rollback(True)


@pytest.fixture
def browser(world, db):
    return world


def queries_of(model):
    """Yield queries: every wrong value for what the page reads, two for each field that it does not offer."""
    offered = {name.split("__")[0] for name in admin.site._registry[model].list_filter}
    names = [f"{name}__{lookup}".rstrip("_") for name in offered for lookup in LOOKUPS]
    yield from product([*OTHERS, *names], WRONG)
    others = {field.name for field in model._meta.get_fields() if isinstance(field, Field)} - offered
    yield from product([f"{name}{lookup}" for name in others for lookup in ("__regex", "__in", "")], ("[", HUGE))


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_no_query_of_a_list_is_a_fault(browser, model):
    for name, value in queries_of(model):
        answer = browser.get(f"{address(model, 'changelist')}?{name}={value}")
        assert answer.status_code in {200, 302, 400}, (name, value)


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_only_offered_filters_reach_the_database(browser, model):
    offered = set(admin.site._registry[model].list_filter)
    for field in model._meta.fields:
        answer = browser.get(f"{address(model, 'changelist')}?{field.name}__regex=[")
        assert answer.status_code == 400
        if field.name not in offered:
            assert browser.get(f"{address(model, 'changelist')}?{field.name}=x").status_code == 400, field.name


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_the_offered_filters_work(browser, model):
    for name in admin.site._registry[model].list_filter:
        page = browser.get(address(model, "changelist")).content.decode()
        links = [link.split('"')[0] for link in page.split(f'href="?{name}')[1:]]
        for link in links:
            answer = browser.get(f"{address(model, 'changelist')}?{name}{link.replace('&amp;', '&')}")
            assert answer.status_code == 200, link


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_no_key_in_an_address_or_a_selection_is_a_fault(browser, model):
    row = some_row(model)
    for value in ("x", HUGE, "_00", "[", "-1"):
        for page in ("change", "delete", "history"):
            answer = browser.get(address(model, page, value))
            assert answer.status_code in {200, 302, 400, 403, 404}, (page, value)
        for action in (*admin.site._registry[model].actions, "delete_selected", "nothing"):
            body = {"action": getattr(action, "__name__", action), "_selected_action": [value, row.pk], "index": value}
            answer = browser.post(address(model, "changelist"), body)
            assert answer.status_code in {200, 302, 400, 403}, (action, value)
