"""Guesses at the same time do not pass the limit together."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from core.guessing import logins
from core.guessing.throttled import Throttled


def begin(number):
    try:
        logins.begin("ann", address="192.0.2.1")
    except Throttled:
        return False
    finally:
        connection.close()
    return True


@pytest.mark.django_db(transaction=True)
def test_of_twenty_attempts_at_once_five_are_looked_at():
    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(begin, range(20))) == logins.PAIR.burst
