"""How people log in: by a password, with a limit on wrong ones. Every form that logs somebody in passes here."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest

from core.guessing import logins


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
            return super().authenticate(request, username=username, password=password, **fields)
        attempt = logins.begin(username, address=request.META.get("REMOTE_ADDR", ""))
        person = super().authenticate(request, username=username, password=password, **fields)
        if person is None:
            logins.fail(attempt)
        else:
            logins.succeed(attempt)
        return person
