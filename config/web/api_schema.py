"""The OpenAPI schema as the server answers it."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator


class SchemaOnce(SchemaGenerator):
    """Describes the API once for each process. It takes half a second of a thread, and the address is open to everybody."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 - spectacular's hook
        """Return the schema; it depends on the code only."""
        return _describe()


@cache
def _describe() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # untyped
    return found
