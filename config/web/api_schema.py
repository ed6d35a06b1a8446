"""The OpenAPI schema as the server answers it. The address is open to everybody, so it must cost little."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from drf_spectacular import views
from drf_spectacular.generators import SchemaGenerator
from rest_framework.renderers import BaseRenderer

from core.api.endpoint import Endpoint


class SchemaOnce(SchemaGenerator):
    """Describes the API once for each process. It takes half a second of a thread."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 - spectacular's hook
        """Return the schema; it depends on the code only."""
        return _describe()


@cache
def _describe() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # untyped
    return found


def _write_once(renderer: type[BaseRenderer]) -> type[BaseRenderer]:
    """Return a renderer that writes the schema once for each process. YAML takes 0.15 s of a thread."""

    @cache
    def write() -> Any:
        return renderer().render(_describe(), renderer.media_type, {})

    class Once(renderer):  # type: ignore[misc, valid-type]  # a class made from a class
        def render(
            self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
        ) -> Any:
            if data is _describe():
                return write()
            return super().render(data, accepted_media_type, renderer_context)

    return Once


class Schema(Endpoint, views.SpectacularAPIView):
    """The schema, as YAML or JSON."""

    generator_class = SchemaOnce
    renderer_classes = [_write_once(renderer) for renderer in views.SpectacularAPIView.renderer_classes]
