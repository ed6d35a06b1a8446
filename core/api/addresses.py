"""Absolute addresses of this installation."""

from django.conf import settings
from django.http import HttpRequest


def site_url(request: HttpRequest) -> str:
    """Return the address that the outside uses, without a trailing slash.

    PUBLIC_URL where it is set, else the request's own scheme and host, which ALLOWED_HOSTS has checked.
    """
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL)
    return f"{request.scheme}://{request.get_host()}"
