"""All URLs: those of each app, the web admin, the API schema, and health and metrics of the server."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

from config.web import health
from config.web.api_schema import Schema
from config.web.metrics import Metrics

# Its script has an address of its own, so that the page needs no inline script. It is a template and cannot describe itself in
# JSON, so it has no OPTIONS.
_api_reference = SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=["get", "head"])

urlpatterns = [
    path("", include("analytics.urls")),
    path("", include("ingest.urls")),
    path("", include("fleet.urls")),
    path("", include("registry.urls")),
    path("", include("core.urls")),
    path("admin/", admin.site.urls),
    path("logout", LogoutView.as_view(next_page="admin:login"), name="logout"),
    path("api/schema", Schema.as_view(), name="schema"),
    path("api/docs", _api_reference, name="docs"),
    path("metrics", Metrics.as_view(), name="metrics"),
    path("livez", health.livez),
    path("readyz", health.readyz),
]

handler400 = "config.web.problems.bad_request"
handler403 = "config.web.problems.forbidden"
handler404 = "config.web.problems.not_found"
handler500 = "config.web.problems.server_error"
