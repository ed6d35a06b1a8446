"""The base of every view of the API: the order in which a request is checked."""

from typing import Any

from rest_framework.request import Request
from rest_framework.views import APIView


class Endpoint(APIView):
    """A view of the API, which checks a request in this order.

    1. 405: the address has no such method. Like 404, it is the same for everybody, and nobody is asked who they are.
    2. 401 and 403: who the caller is, and what the caller may do.
    3. 406, 413, 415 and 400: the format of the answer and the content of the request. The body is not read before.
    """

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the request before the method runs. DRF would ask for credentials before 405, and look at formats before both.

        Raises:
            MethodNotAllowed: The address has no such method.
        """
        if request.method not in self.allowed_methods:
            self.http_method_not_allowed(request, *args, **kwargs)
        self.perform_authentication(request)
        self.check_permissions(request)
        self.check_throttles(request)
        self.format_kwarg = self.get_format_suffix(**kwargs)
        request.version, request.versioning_scheme = self.determine_version(request, *args, **kwargs)
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
