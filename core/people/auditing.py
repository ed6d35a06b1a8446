"""Changes of people in the audit trail.

Triggers of the database write the entries (migration 0004), so that no form, command, bulk update or SQL passes them. They read
the actor from the session's variable ``modelfleet.actor``, which is set before each statement that may write people. Logins are
entries too.
"""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from django.contrib.auth.models import AbstractBaseUser
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest

from core import actors, audit
from core.api.authentication import actor_of

_WRITES_PEOPLE: Final = re.compile(r"\s*(INSERT|UPDATE|DELETE|MERGE|COPY|WITH)\b.*\bauth_(user|group)", re.I | re.S)
_Result = TypeVar("_Result")
_SET_ACTOR: Final = "SELECT set_config('modelfleet.actor', %s, %s)"


def watch_connection(*, connection: BaseDatabaseWrapper, **_signal: object) -> None:
    """Name the actor on a connection that Django has opened; a receiver of ``connection_created``."""
    if set_database_actor not in connection.execute_wrappers:
        connection.execute_wrappers.append(set_database_actor)


def set_database_actor(
    execute: Callable[..., _Result],
    sql: str,
    params: object,
    many: bool,  # noqa: FBT001 - Django's hook
    context: dict[str, Any],
) -> _Result:
    """Set the actor around a statement that may write people; a wrapper of Django's ``execute``.

    In a transaction the variable ends with it. Outside, it is emptied after the statement, because the connection may serve
    somebody else next.
    """
    if "auth_" not in sql or not _WRITES_PEOPLE.match(sql):
        return execute(sql, params, many, context)
    is_local = context["connection"].in_atomic_block
    _set_actor(context["connection"], str(actors.current_actor()), is_local=is_local)
    try:
        return execute(sql, params, many, context)
    finally:
        if not is_local:
            _set_actor(context["connection"], "", is_local=False)


def record_login(*, request: HttpRequest, user: AbstractBaseUser, **_signal: object) -> None:
    """Write a login; a receiver of ``user_logged_in``."""
    after = {"address": request.META.get("REMOTE_ADDR", "")}
    audit.record(actor_of(user), action="log_in", object_type="person", object_id=user.get_username(), after=after)


def _set_actor(connection: BaseDatabaseWrapper, actor: str, *, is_local: bool) -> None:
    # A cursor of its own, so that the result of the statement stays with the caller's.
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        cursor.execute(_SET_ACTOR, [actor, is_local])
