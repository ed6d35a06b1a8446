"""TRUNCATE passed the trigger of the audit trail."""

import pytest
from django.db import IntegrityError, connection, transaction

from core import audit
from core.actors import SYSTEM
from core.models import AuditEntry


def truncate(statement):
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db
def test_the_audit_trail_cannot_be_truncated():
    audit.record(SYSTEM, action="test", object_type="test", object_id=1)
    truncate("TRUNCATE core_auditentry")
    truncate("TRUNCATE core_auditentry, core_apitoken RESTART IDENTITY CASCADE")
    assert AuditEntry.objects.filter(action="test").exists()


@pytest.mark.django_db(transaction=True)
def test_it_cannot_be_truncated_outside_a_test_s_transaction_either():
    audit.record(SYSTEM, action="committed", object_type="test", object_id=1)
    truncate("TRUNCATE core_auditentry")
    assert AuditEntry.objects.filter(action="committed").exists()


@pytest.mark.django_db(transaction=True)
def test_tests_that_commit_still_start_with_an_empty_trail():
    assert not AuditEntry.objects.filter(action="committed").exists()
    truncate("TRUNCATE core_auditentry")
