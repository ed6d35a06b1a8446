"""How people log in: by a password, with a limit on wrong ones. Every form that logs somebody in passes here."""

from typing import Final

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest

from core import actors
from core.actors import Actor
from core.guessing import logins

# Django stores a new hash of the same password when the number of iterations or the hasher has changed.
RENEWAL: Final = Actor(kind="system", name="hash renewed at login")


class LimitedBackend(ModelBackend):
    """Django's backend, behind ``core.guessing.logins``. Code that names no request, such as a command, is not limited."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **fields: str
    ) -> User | None:
        """Return the person whose name and password these are, or None.

        Raises:
            Throttled: Too many wrong passwords came before; this one is not looked at.
        """
        if request is None or username is None or password is None:
            return self._check(request, username=username, password=password, **fields)
        attempt = logins.begin(username, address=request.META.get("REMOTE_ADDR", ""))
        person = self._check(request, username=username, password=password, **fields)
        if person is None:
            logins.fail(attempt)
        else:
            logins.succeed(attempt)
        return person

    def _check(self, request: HttpRequest | None, **credentials: str | None) -> User | None:
        with actors.acting(lambda: RENEWAL):
            return super().authenticate(request, **credentials)
