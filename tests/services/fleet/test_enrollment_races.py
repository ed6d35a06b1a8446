"""Real threads on real connections: what only shows when two want the same thing at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from fleet.devices import enrollment
from fleet.models import Deployment, Device, EnrollmentKey
from tests import fleet_rows as rows

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(number: int, work):
    """Run ``work(index)`` in threads that start together; return what each returned or raised."""
    barrier = threading.Barrier(number)

    def run(index: int):
        try:
            barrier.wait(timeout=10)
            return work(index)
        except Exception as error:  # noqa: BLE001 - the test judges it
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def test_of_many_who_want_the_last_use_exactly_one_gets_it():
    key, secret = rows.make_key(max_uses=3)
    results = at_once(8, lambda index: rows.enroll(f"edge-{index}", secret=secret))
    assert sum(isinstance(result, str) for result in results) == 3
    assert sum(isinstance(result, enrollment.UsedUpKey) for result in results) == 5
    assert (EnrollmentKey.objects.get(pk=key.pk).uses, Device.objects.count()) == (3, 3)


def test_one_device_that_asks_many_times_at_once_costs_one_use():
    key, secret = rows.make_key(max_uses=8)
    results = at_once(8, lambda _: rows.enroll("edge-1", secret=secret))
    assert all(isinstance(result, str) for result in results), results
    assert (EnrollmentKey.objects.get(pk=key.pk).uses, Device.objects.count()) == (1, 1)
    assert Device.objects.get().tokens.filter(revoked_at=None).count() == 1


def test_of_many_who_want_one_id_with_a_nonce_each_exactly_one_gets_it():
    _, secret = rows.make_key(max_uses=8)
    results = at_once(8, lambda index: rows.enroll("edge-1", secret=secret, nonce=f"nonce-number-{index:04}"))
    assert sum(isinstance(result, str) for result in results) == 1
    assert sum(isinstance(result, enrollment.AlreadyEnrolled) for result in results) == 7


def test_one_device_that_polls_many_times_at_once_is_offered_one_attempt():
    from rest_framework.test import APIClient

    rows.point("stable", rows.make_version("1.0.0"))
    device = rows.make_device("edge-1")
    token = rows.tokens.issue_token(device)
    answers = at_once(6, lambda _: rows.DeviceClient(APIClient(), device, token).poll().json())
    attempts = {answer["assignment"]["attempt_id"] for answer in answers}
    assert attempts == {str(Deployment.objects.get().pk)}
