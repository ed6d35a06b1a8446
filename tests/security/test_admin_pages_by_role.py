"""Who may do what in the web admin: every registered page, by every role. Django's own permissions decide nothing."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.test import Client, RequestFactory

from tests.security import admin_rows
from tests.security.admin_rows import MODELS, address, name_of, some_row

pytestmark = pytest.mark.django_db

ROLES = {"viewer", "ml_engineer", "operator", "admin"}
NOBODY, MODELS_WRITERS, FLEET_WRITERS, ADMIN = set(), {"ml_engineer", "admin"}, {"operator", "admin"}, {"admin"}
READ_ONLY = {"view": ROLES, "add": NOBODY, "change": NOBODY, "delete": NOBODY, "actions": {}}
MAY = {
    "auth.user": {"view": ADMIN, "add": ADMIN, "change": ADMIN, "delete": ADMIN, "actions": {"delete_selected": ADMIN}},
    "auth.group": {**READ_ONLY, "view": ADMIN},
    "core.apitoken": {**READ_ONLY, "view": ADMIN, "add": ADMIN, "actions": {"revoke": ADMIN}},
    "core.auditentry": {**READ_ONLY, "view": ADMIN},
    "fleet.device": {**READ_ONLY, "actions": {"accept": FLEET_WRITERS, "revoke": FLEET_WRITERS}},
    "fleet.deployment": READ_ONLY,
    "fleet.enrollmentkey": {**READ_ONLY, "actions": {"revoke": FLEET_WRITERS}},
    "fleet.rollout": {**READ_ONLY, "actions": dict.fromkeys(("pause", "resume", "abort"), FLEET_WRITERS)},
    "ingest.landedbatch": READ_ONLY,
    "registry.baseline": READ_ONLY,
    "registry.channel": READ_ONLY,
    "registry.job": READ_ONLY,
    "registry.modelversion": {**READ_ONLY, "add": MODELS_WRITERS},
    "registry.registeredmodel": READ_ONLY,
}


@pytest.fixture
def people(person, db):
    """A browser for each role, and one of a person who has all of Django's permissions and no role."""
    found = {role: person(role) for role in ROLES}
    staff = User.objects.create_user("staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.all())
    group = Group.objects.create(name="all permissions of Django")
    group.permissions.set(Permission.objects.all())
    staff.groups.add(group)
    found["staff"] = Client()
    found["staff"].force_login(staff)
    return found


def test_the_table_has_every_page_of_the_admin():
    assert set(MAY) == {name_of(model) for model in MODELS}


def is_open(answer):
    return answer.status_code == 200 or (answer.status_code == 302 and "/login/" not in answer["Location"])


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_only_those_may_who_are_named(people, api, model):
    admin_rows.make(api())
    row, may = some_row(model), MAY[name_of(model)]
    for name, browser in people.items():
        assert is_open(browser.get(address(model, "changelist"))) == (name in may["view"]), name
        assert is_open(browser.get(address(model, "history", row.pk))) == (name in may["view"]), name
        assert is_open(browser.get(address(model, "add"))) == (name in may["add"]), name
        assert is_open(browser.get(address(model, "delete", row.pk))) == (name in may["delete"]), name
        shown = browser.get(address(model, "change", row.pk))
        assert is_open(shown) == (name in may["view"]), name
        assert ('name="_save"' in shown.content.decode()) == (name in may["change"]), name


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_a_post_without_the_right_changes_nothing(people, api, model):
    admin_rows.make(api())
    row, may = some_row(model), MAY[name_of(model)]
    for name, browser in people.items():
        if name not in may["delete"]:
            browser.post(address(model, "delete", row.pk), {"post": "yes"})
        if name not in may["change"]:
            assert not is_open(browser.post(address(model, "change", row.pk), {"name": "other"})), name
        if name not in may["add"]:
            assert not is_open(browser.post(address(model, "add"), {"name": "other"})), name
    assert vars(some_row(model)) | {"_state": None} == vars(row) | {"_state": None}


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_actions_are_offered_to_those_who_may_run_them(people, model):
    for name, browser in people.items():
        request = RequestFactory().get("/")
        request.user = User.objects.get(pk=browser.session["_auth_user_id"])
        offered = set(admin.site._registry[model].get_actions(request))
        assert offered == {action for action, roles in MAY[name_of(model)]["actions"].items() if name in roles}, name


def test_the_index_opens_for_every_role_and_lists_what_it_may_see(people):
    for role in ROLES:
        page = people[role].get("/admin/").content.decode()
        for model in MODELS:
            assert (f'href="{address(model, "changelist")}"' in page) == (role in MAY[name_of(model)]["view"]), role
    assert people["staff"].get("/admin/").status_code == 302
