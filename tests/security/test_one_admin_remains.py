"""Two administrators could switch off each other's password at once, and one his own by another spelling of his number."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client

OFF = {"usable_password": "false", "unset-password": "1"}


def log_in(name):
    user = User.objects.create_superuser(name, password="a-long-and-unusual-one")
    browser = Client()
    browser.force_login(user)
    return user, browser


@pytest.mark.django_db
def test_an_admin_renames_himself():
    ann, browser = log_in("ann")
    body = {"username": "anna", "is_active": "on", "is_superuser": "on"}
    assert browser.post(f"/admin/auth/user/{ann.pk}/change/", body).status_code == 302
    assert User.objects.get(pk=ann.pk).username == "anna"


@pytest.mark.django_db
@pytest.mark.parametrize("spelling", ["{}", "0{}", "+{}", "%20{}", "{}%20", "{}.0"])
def test_no_spelling_of_the_own_number_switches_off_the_own_password(spelling):
    ann, browser = log_in("ann")
    browser.post(f"/admin/auth/user/{spelling.format(ann.pk)}/password/", OFF)
    ann.refresh_from_db()
    assert ann.has_usable_password()
    assert browser.get("/admin/").status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["password", "delete"])
def test_of_two_admins_who_take_each_other_away_at_once_one_remains(act):
    (ann, of_ann), (eve, of_eve) = log_in("ann"), log_in("eve")
    body = OFF if act == "password" else {"post": "yes"}

    def take(browser, other):
        try:
            return browser.post(f"/admin/auth/user/{other.pk}/{act}/", body).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        # Both requests have read the people before either can write them.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE auth_user IN SHARE MODE")
            answers = [pool.submit(take, of_ann, eve), pool.submit(take, of_eve, ann)]
            wait_for_locked_sessions(cursor, 2)
        assert [answer.result() for answer in answers] == [302, 302]
    assert sum(user.has_usable_password() for user in User.objects.all()) == 1


def wait_for_locked_sessions(cursor, count):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        if cursor.fetchone()[0] == count:
            return
        time.sleep(0.02)
    pytest.fail("the requests did not meet at the lock")
