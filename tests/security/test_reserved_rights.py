"""Staff could revoke every token, and make themselves superusers. Roles decide now, and superusers alone make superusers."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from core import tokens
from core.actors import SYSTEM
from core.models import ApiToken
from core.roles import Role

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-and-unusual-one"


def browser_of(user):
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def make_person(db):
    def make(name, *roles, **fields):
        user = User.objects.create_user(name, password=PASSWORD, **fields)
        user.groups.set(Group.objects.filter(name__in=roles))
        return user

    return make


@pytest.fixture
def root(make_person):
    return make_person("root", is_superuser=True)


def save(browser, user, *, roles=(), **fields):
    body = {"username": user.username, "groups": [Group.objects.get(name=role).pk for role in roles], **fields}
    return browser.post(f"/admin/auth/user/{user.pk}/change/", body)


def staff_with(make_person, *codenames):
    user = make_person("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def test_staff_who_may_view_tokens_cannot_revoke_them(make_person):
    tokens.create("ci", role=Role.ADMIN, actor=SYSTEM)
    body = {"action": "revoke", "_selected_action": [ApiToken.objects.get().pk]}
    browser_of(staff_with(make_person, "view_apitoken")).post("/admin/core/apitoken/", body)
    browser_of(make_person("olga", "operator", is_staff=True)).post("/admin/core/apitoken/", body)
    assert ApiToken.objects.get().revoked_at is None
    browser_of(make_person("ann", "admin")).post("/admin/core/apitoken/", body)
    assert ApiToken.objects.get().revoked_at is not None


def test_staff_who_may_change_people_cannot_make_themselves_superuser(make_person):
    staff = staff_with(make_person, "view_user", "change_user", "add_user")
    save(browser_of(staff), staff, is_active="on", is_superuser="on")
    staff.refresh_from_db()
    assert not staff.is_superuser


def test_an_admin_gives_roles_and_makes_no_superuser(make_person):
    ann, bob = make_person("ann", "admin"), make_person("bob")
    for user in (bob, ann):
        answer = save(browser_of(ann), user, roles=["admin"], is_active="on", is_superuser="on", is_staff="on")
        assert answer.status_code == 302
        user.refresh_from_db()
        assert [group.name for group in user.groups.all()] == ["admin"]
        assert not user.is_superuser


def test_an_admin_does_not_touch_a_superuser(make_person, root):
    browser = browser_of(make_person("ann", "admin"))
    page = browser.get(f"/admin/auth/user/{root.pk}/change/")
    assert page.status_code == 200
    assert root.password not in page.content.decode()
    assert save(browser, root, email="ann@example.com").status_code == 403
    words = {"password1": "quite-another-1", "password2": "quite-another-1", "usable_password": "true"}
    assert browser.post(f"/admin/auth/user/{root.pk}/password/", words).status_code == 403
    assert browser.post(f"/admin/auth/user/{root.pk}/delete/", {"post": "yes"}).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    browser.post("/admin/auth/user/", selected)
    root.refresh_from_db()
    assert root.check_password(PASSWORD)
    assert root.email == ""


def test_a_superuser_makes_superusers(make_person, root):
    bob = make_person("bob")
    assert save(browser_of(root), bob, is_active="on", is_superuser="on").status_code == 302
    bob.refresh_from_db()
    assert bob.is_superuser


def test_nobody_changes_the_groups_that_are_roles(root):
    group = Group.objects.get(name="viewer")
    answer = browser_of(root).post(f"/admin/auth/group/{group.pk}/change/", {"name": "admin2"})
    assert answer.status_code == 403


@pytest.mark.parametrize("act", ["role", "account", "delete", "delete selected", "password"])
def test_an_admin_cannot_lock_himself_out(make_person, act):
    ann = make_person("ann", "admin")
    make_person("eve", "admin")
    browser = browser_of(ann)
    if act == "role":
        answer = save(browser, ann, roles=["viewer"], is_active="on")
    elif act == "account":
        answer = save(browser, ann, roles=["admin"])
    elif act == "delete":
        answer = browser.post(f"/admin/auth/user/{ann.pk}/delete/", {"post": "yes"})
    elif act == "delete selected":
        body = {"action": "delete_selected", "_selected_action": [ann.pk], "post": "yes"}
        answer = browser.post("/admin/auth/user/", body)
    else:
        body = {"usable_password": "false", "unset-password": "1"}
        answer = browser.post(f"/admin/auth/user/{ann.pk}/password/", body)
    assert answer.status_code == 302
    assert "cannot take your own access" in browser.get("/admin/").content.decode()
    found = User.objects.get(username="ann")
    assert (found.is_active, found.has_usable_password(), found.groups.get().name) == (True, True, "admin")


def test_another_admin_may_be_taken_away(make_person):
    ann, eve = make_person("ann", "admin"), make_person("eve", "admin")
    assert save(browser_of(ann), eve, roles=["viewer"], is_active="on").status_code == 302
    assert eve.groups.get().name == "viewer"
    assert browser_of(ann).post(f"/admin/auth/user/{eve.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(username="eve").exists()


def test_an_admin_adds_a_person_and_sets_a_password(make_person):
    browser = browser_of(make_person("ann", "admin"))
    new = {"username": "bob", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert browser.post("/admin/auth/user/add/", new).status_code == 302
    bob = User.objects.get(username="bob")
    words = {"password1": "quite-another-1", "password2": "quite-another-1", "usable_password": "true"}
    assert browser.post(f"/admin/auth/user/{bob.pk}/password/", words).status_code == 302
    bob.refresh_from_db()
    assert bob.check_password("quite-another-1")
