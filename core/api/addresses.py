"""The absolute address of this installation."""

from django.conf import settings
from django.http import HttpRequest


def site_url(request: HttpRequest) -> str:
    """Return the address that clients use, without a trailing slash.

    It is PUBLIC_URL if that is set, else the scheme and the host of the request, which ALLOWED_HOSTS has checked.
    """
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL)
    return f"{request.scheme}://{request.get_host()}"
