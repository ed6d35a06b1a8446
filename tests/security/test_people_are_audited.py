"""Changes of people passed the audit trail. A trigger of the database writes them now, whoever makes them, and how."""

import io

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connection
from django.test import Client

from core.models import AuditEntry

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-and-unusual-one"
OTHER_PASSWORD = "quite-another-long-1"


@pytest.fixture
def ann(db):
    """An administrator, and her browser."""
    user = User.objects.create_superuser("ann", password=PASSWORD)
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def bob(db):
    return User.objects.create_user("bob", password=PASSWORD, email="bob@example.com")


def entries_after(act, **wanted):
    """Run an act, and return what it wrote, oldest first."""
    newest = AuditEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0
    act()
    rows = AuditEntry.objects.filter(id__gt=newest, **wanted).order_by("id")
    return [(row.actor, row.action, row.object_type, row.object_id, row.before, row.after) for row in rows]


def save(browser, user, **fields):
    body = {"username": user.username, "email": user.email, "is_active": "on", **fields}
    assert browser.post(f"/admin/auth/user/{user.pk}/change/", body).status_code == 302


def test_the_admin_s_pages_name_the_person_who_acts(ann, bob):
    role = Group.objects.get(name="operator")
    changed = entries_after(lambda: save(ann, bob, email="b@example.com", is_superuser="on", groups=[role.pk]))
    assert changed == [
        (
            "person:ann",
            "update",
            "person",
            "bob",
            {"email": "bob@example.com", "is_superuser": False},
            {"email": "b@example.com", "is_superuser": True},
        ),
        ("person:ann", "add_group", "person", "bob", None, {"group": "operator"}),
    ]
    bob.refresh_from_db()
    taken = entries_after(lambda: save(ann, bob))
    assert [(row[1], row[4], row[5]) for row in taken] == [
        ("update", {"is_superuser": True}, {"is_superuser": False}),
        ("remove_group", {"group": "operator"}, None),
    ]


def test_a_new_person_and_a_deleted_one_are_entries(ann):
    words = {"username": "eve", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    (created,) = entries_after(lambda: ann.post("/admin/auth/user/add/", words))
    assert created[:4] == ("person:ann", "create", "person", "eve")
    eve = User.objects.get(username="eve")
    eve.groups.add(Group.objects.get(name="viewer"))
    gone = entries_after(lambda: ann.post(f"/admin/auth/user/{eve.pk}/delete/", {"post": "yes"}))
    assert [row[:4] for row in gone] == [
        ("person:ann", "remove_group", "person", "eve"),
        ("person:ann", "delete", "person", "eve"),
    ]


@pytest.mark.parametrize("way", ["admin", "own", "set_password", "bulk update"])
def test_a_password_is_an_entry_without_the_password(ann, bob, way):
    words = {"password1": OTHER_PASSWORD, "password2": OTHER_PASSWORD, "usable_password": "true"}
    own = {"old_password": PASSWORD, "new_password1": OTHER_PASSWORD, "new_password2": OTHER_PASSWORD}

    def by_code():
        bob.set_password(OTHER_PASSWORD)
        bob.save()

    acts = {
        "admin": lambda: ann.post(f"/admin/auth/user/{bob.pk}/password/", words),
        "own": lambda: ann.post("/admin/password_change/", own),
        "set_password": by_code,
        "bulk update": lambda: User.objects.filter(pk=bob.pk).update(password="pbkdf2_sha256$1$x$y"),
    }
    (entry,) = entries_after(acts[way])
    actor, name = {"admin": ("person:ann", "bob"), "own": ("person:ann", "ann")}.get(way, ("system:command", "bob"))
    assert entry == (actor, "update", "person", name, None, {"password": "changed"})


def test_no_entry_holds_a_hash(ann, bob):
    bob.delete()
    everything = str(list(AuditEntry.objects.values()))
    assert "pbkdf2" not in everything
    assert PASSWORD not in everything


def test_commands_act_as_the_system():
    (entry,) = entries_after(
        lambda: call_command(
            "createsuperuser", interactive=False, username="root", email="r@example.com", stdout=io.StringIO()
        )
    )
    assert entry[:4] == ("system:command", "create", "person", "root")
    assert entry[5]["is_superuser"] is True


def test_code_and_sql_do_not_pass_the_trail(bob):
    permission = Permission.objects.first()
    group = Group.objects.get(name="viewer")

    def by_hand():
        with connection.cursor() as cursor:
            cursor.execute("UPDATE auth_user SET is_staff = true WHERE username = 'bob'")

    acts = {
        "update": lambda: User.objects.filter(pk=bob.pk).update(is_superuser=True),
        "create": lambda: User.objects.bulk_create([User(username="zoe")]),
        "add_group": lambda: group.user_set.add(bob),
        "remove_group": group.user_set.clear,
        "add_permission": lambda: bob.user_permissions.set([permission]),
        "remove_permission": bob.user_permissions.clear,
        "delete": lambda: User.objects.filter(username="zoe").delete(),
    }
    for action, act in acts.items():
        assert [row[:3] for row in entries_after(act)] == [("system:command", action, "person")], action
    assert [row[1:4] for row in entries_after(by_hand)] == [("update", "person", "bob")]


def test_groups_and_their_permissions_are_entries():
    group = Group.objects.create(name="a")
    permission = Permission.objects.first()

    def change():
        group.permissions.add(permission)
        Group.objects.filter(pk=group.pk).update(name="b")
        Group.objects.get(name="b").delete()

    assert [row[1:4] for row in entries_after(change)] == [
        ("add_permission", "group", "a"),
        ("update", "group", "a"),
        ("remove_permission", "group", "b"),
        ("delete", "group", "b"),
    ]


def test_a_login_is_an_entry_and_its_time_on_the_person_is_none(bob):
    browser = Client()
    words = {"username": "bob", "password": PASSWORD}
    (entry,) = entries_after(lambda: browser.post("/admin/login/", words, REMOTE_ADDR="192.0.2.7"))
    assert entry == ("person:bob", "log_in", "person", "bob", None, {"address": "192.0.2.7"})


def test_one_person_does_not_act_in_the_name_of_the_last(ann, bob):
    save(ann, bob, email="b@example.com")
    (entry,) = entries_after(lambda: User.objects.filter(pk=bob.pk).update(is_staff=True))
    assert entry[0] == "system:command"


def test_a_hash_that_is_renewed_at_a_login_is_no_changed_password_of_a_stranger(bob, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher", *settings.PASSWORD_HASHERS]
    words = {"username": "bob", "password": PASSWORD}
    entries = entries_after(lambda: Client().post("/admin/login/", words))
    assert [(row[0], row[1], row[5]) for row in entries if row[1] == "update"] == [
        ("system:hash renewed at login", "update", {"password": "changed"})
    ]
    assert entries[-1][:2] == ("person:bob", "log_in")
