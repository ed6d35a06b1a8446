"""Nothing slowed the guessing of passwords: 48 wrong ones, and then the right one."""

import logging
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.guessing import logins
from core.models import AuditEntry, LoginBucket

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-and-unusual-one"
LOGIN = "/admin/login/"
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.9"


@pytest.fixture
def ann(db):
    return User.objects.create_superuser("ann", password=PASSWORD)


def log_in(name="ann", password=PASSWORD, *, address=HERE, **headers):
    return Client(REMOTE_ADDR=address, **headers).post(LOGIN, {"username": name, "password": password})


def guess(count, name="ann", **options):
    return [log_in(name, f"wrong {number}", **options).status_code for number in range(count)]


def pass_minutes(minutes):
    LoginBucket.objects.update(at=F("at") - timedelta(minutes=minutes))


def test_after_five_wrong_passwords_the_right_one_is_refused_too(ann):
    assert guess(48) == [200] * 5 + [429] * 43
    answer = log_in()
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 15 * 60
    page = answer.content.decode()
    assert re.search(r"Wait 15 minutes", page)
    assert "sessionid" not in answer.cookies


def test_the_lock_ends_by_itself_and_then_allows_one_attempt(ann):
    guess(5)
    pass_minutes(14)
    assert log_in().status_code == 429
    pass_minutes(1)
    assert guess(2) == [200, 429]
    pass_minutes(15)
    assert log_in().status_code == 302


def test_asking_during_a_lock_does_not_make_it_longer(ann):
    guess(20)
    pass_minutes(15)
    assert log_in().status_code == 302


def test_a_right_password_empties_the_count(ann):
    for _ in range(4):
        guess(4)
        assert log_in().status_code == 302


def test_strangers_do_not_lock_a_person_out_elsewhere(ann):
    guess(5, address=ELSEWHERE)
    assert log_in(address=ELSEWHERE).status_code == 429
    assert log_in(address=HERE).status_code == 302


def test_many_addresses_together_are_limited_by_the_name_except_where_the_person_is_known(ann):
    assert log_in(address=HERE).status_code == 302
    statuses = [status for host in range(14) for status in guess(4, address=f"203.0.113.{host}")]
    assert statuses == [200] * 50 + [429] * 6
    assert log_in(address=ELSEWHERE).status_code == 429
    assert log_in(address=HERE).status_code == 302
    pass_minutes(5)
    assert log_in(address=ELSEWHERE).status_code == 302


def test_many_names_from_one_address_are_limited_by_the_address(ann):
    assert [log_in(f"person-{number}", "x").status_code for number in range(52)] == [200] * 50 + [429] * 2
    assert log_in().status_code == 429
    assert log_in(address=ELSEWHERE).status_code == 302


def test_many_names_from_one_address_do_not_lock_out_a_person_who_is_known_there(ann):
    """Behind NAT, or behind a proxy that the settings do not name, everybody has one address."""
    assert log_in().status_code == 302
    for number in range(52):
        log_in(f"person-{number}", "x")
    assert log_in("bob", "x").status_code == 429
    assert log_in().status_code == 302
    assert guess(5)[-1] == 200
    assert log_in().status_code == 429


def test_one_host_with_many_ipv6_addresses_is_one(ann):
    for number in range(5):
        guess(1, address=f"2001:db8:1:2:{number}::1")
    assert log_in(address="2001:db8:1:2:ffff::1").status_code == 429
    assert log_in(address="2001:db8:1:3::1").status_code == 302
    assert guess(5, name="bob", address="::ffff:192.0.2.1")[-1] == 200
    assert log_in("bob", "x", address="192.0.2.1").status_code == 429


def test_other_spellings_of_a_name_count_together(ann):
    for name in ("ann", "Ann", "ANN", "aNn", "anN"):
        guess(1, name)
    assert log_in().status_code == 429


def test_an_invented_name_is_refused_like_a_real_one(ann):
    assert guess(7, "nobody") == guess(7, "ann", address=ELSEWHERE)


def test_refusals_are_logged_and_audited_without_the_password(ann, caplog):
    with caplog.at_level(logging.WARNING):
        guess(6, address=HERE)
        guess(3, "invented", address=HERE)
    assert f"wrong password for 'ann' from {HERE}" in caplog.text
    assert "too many wrong passwords" in caplog.text
    rows = AuditEntry.objects.filter(action__in=["refuse_log_in", "lock_out"]).order_by("id")
    assert [(row.action, row.object_id, row.after) for row in rows] == [
        *[("refuse_log_in", "ann", {"address": HERE})] * 4,
        ("lock_out", "ann", {"address": HERE}),
    ]
    everything = caplog.text + str(list(AuditEntry.objects.values())) + str(list(LoginBucket.objects.values()))
    assert "wrong 1" not in everything
    assert "invented" not in str(list(LoginBucket.objects.values()))


def test_an_operator_ends_a_lock(ann, capsys):
    for options in ({"name": "Ann"}, {}):
        guess(5)
        assert log_in().status_code == 429
        call_command("unlock_login", **options)
        assert log_in().status_code == 302
    # Where ann has logged in, the limit of the address does not hold for her.
    [log_in(f"person-{number}", "x", address=ELSEWHERE) for number in range(50)]
    assert log_in(address=ELSEWHERE).status_code == 429
    call_command("unlock_login", address=ELSEWHERE)
    assert log_in(address=ELSEWHERE).status_code == 302


def lock_everything():
    """Lock ann from here, this address for all names, and ann from everywhere."""
    guess(5)
    [log_in(f"person-{number}", "x") for number in range(45)]
    for host in range(9):
        guess(5, address=f"203.0.113.{host}")


def test_an_operator_ends_the_locks_of_a_name_at_an_address(ann, capsys):
    lock_everything()
    assert log_in().status_code == 429
    call_command("unlock_login", name="ann", address=HERE)
    assert log_in().status_code == 302
    assert capsys.readouterr().out == (
        "ended the waits and counts of wrong passwords: 1 of an address, 1 of a name, 1 of a name at an address\n"
    )
    assert log_in(address="203.0.113.0").status_code == 429


@pytest.mark.parametrize("options", [{"name": "bob"}, {"address": ELSEWHERE}, {"name": "ann", "address": ELSEWHERE}])
def test_an_operator_is_told_when_nothing_was_locked(ann, capsys, options):
    if options != {"name": "ann", "address": ELSEWHERE}:
        guess(1)
    call_command("unlock_login", **options)
    assert capsys.readouterr().out == "nothing to end: no wrong passwords are counted there\n"


def test_a_count_that_is_over_is_not_ended(ann, capsys):
    guess(5)
    pass_minutes(5 * 60)
    call_command("unlock_login")
    assert capsys.readouterr().out.startswith("nothing to end")


def test_what_is_typed_for_a_name_is_logged_only_if_it_is_one(ann, caplog):
    with caplog.at_level(logging.WARNING):
        guess(6, PASSWORD)
        guess(6, "ann", address=ELSEWHERE)
    assert PASSWORD not in caplog.text
    assert caplog.text.count("wrong password for an unknown name (digest ") == 5
    assert "login of an unknown name (digest " in caplog.text
    assert "login of 'ann' from" in caplog.text


@pytest.mark.parametrize("count", [1, 5, 6])
def test_an_invented_name_costs_the_database_what_a_real_one_does(ann, count):
    def work(name, address):
        guess(count - 1, name, address=address)
        with CaptureQueriesContext(connection) as queries:
            guess(1, name, address=address)
        return [query["sql"].split(None, 1)[0] in {"INSERT", "UPDATE", "DELETE"} for query in queries]

    assert work("ann", HERE) == work("nobody", ELSEWHERE)


def test_the_counts_are_forgotten(ann):
    guess(3, "invented")
    log_in(address=ELSEWHERE)
    assert logins.forget(now=timezone.now()) == 0
    logins.forget(now=timezone.now() + timedelta(days=1))
    assert [row.kind for row in LoginBucket.objects.all()] == ["pair"]
    logins.forget(now=timezone.now() + timedelta(days=91))
    assert not LoginBucket.objects.exists()


@pytest.mark.parametrize("headers", [{"HTTP_X_FORWARDED_FOR": "203.0.113.{}"}, {"HTTP_X_REAL_IP": "203.0.113.{}"}])
def test_a_stranger_s_headers_do_not_help_the_guesser(ann, headers):
    for number in range(5):
        guess(1, **{name: value.format(number) for name, value in headers.items()})
    assert log_in(**{name: value.format(77) for name, value in headers.items()}).status_code == 429


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("1.1.1.1, 203.0.113.5", "203.0.113.5"),
        ("1.1.1.1, 203.0.113.5, 10.0.0.7", "203.0.113.5"),
        ("10.0.0.9, 10.0.0.7", "10.0.0.9"),
        ("2001:db8::5, 10.0.0.7", "2001:db8::5"),
        ("1.1.1.1, rubbish", "10.0.0.1"),
        ("1.1.1.1, rubbish, 10.0.0.7", "10.0.0.7"),
        ("", "10.0.0.1"),
    ],
)
def test_behind_a_proxy_the_client_is_the_last_address_that_is_no_proxy(ann, settings, forwarded, client):
    settings.TRUSTED_PROXIES = ("10.0.0.0/8",)
    log_in(address="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert AuditEntry.objects.get(action="log_in").after == {"address": client}


@pytest.mark.parametrize("proxies", [("10.0.0.0/8",), ("::ffff:10.0.0.0/104",)])
@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("::ffff:10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("::ffff:10.0.0.1", "::ffff:203.0.113.5, ::ffff:10.0.0.7", "203.0.113.5"),
        ("10.0.0.1", "203.0.113.5:41234", "203.0.113.5"),
        ("10.0.0.1", "203.0.113.5:41234, 10.0.0.7:80", "203.0.113.5"),
        ("10.0.0.1", "[2001:db8::5]:41234", "2001:db8::5"),
        ("10.0.0.1", "[2001:db8::5]", "2001:db8::5"),
        ("10.0.0.1", "[::ffff:203.0.113.5]:80", "203.0.113.5"),
        ("10.0.0.1", "203.0.113.5:port", "10.0.0.1"),
        ("::ffff:192.0.2.1", "203.0.113.5", "192.0.2.1"),
    ],
)
def test_an_address_is_the_same_however_it_is_written(ann, settings, proxies, peer, forwarded, client):
    settings.TRUSTED_PROXIES = proxies
    log_in(address=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert AuditEntry.objects.get(action="log_in").after == {"address": client}
