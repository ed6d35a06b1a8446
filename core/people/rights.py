"""Who may change whom. A person of the role ``admin`` manages everybody except superusers; only superusers manage those."""

from typing import Final

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import connection

from core.api.authentication import role_of
from core.errors import Conflict
from core.roles import Role

# Any number that no other advisory lock of ours has.
_ADVISORY_LOCK: Final = 7_420_311


class AdminWouldBeLost(Conflict):
    """The person would take the role admin, or the way to log in, from himself."""

    code = "admin_would_be_lost"

    def __init__(self) -> None:
        super().__init__("You cannot take your own access as administrator; another administrator has to do this.")


def may_change(person: AbstractBaseUser | AnonymousUser, other: User) -> bool:
    """Return whether a person may change, delete, or set the password of another, as far as superusers are concerned."""
    return is_superuser(person) or not other.is_superuser


def is_superuser(person: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether the person may make superusers."""
    return bool(getattr(person, "is_superuser", False))


def take_turns() -> None:
    """Wait until nobody else changes people, and keep others waiting until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])


def check_still_admin(person: AbstractBaseUser | AnonymousUser) -> None:
    """Check that the person who changes people is an administrator who can log in, by the rows of this moment.

    So at least one administrator remains after every change. Call it in the transaction of the change, after ``take_turns``:
    otherwise two administrators could take the role from each other at the same time.

    Raises:
        AdminWouldBeLost: The person lost the role, the password or the account.
    """
    now = None if person.pk is None else User.objects.filter(pk=person.pk).first()
    if now is None or role_of(now) != Role.ADMIN or not now.has_usable_password():
        raise AdminWouldBeLost
