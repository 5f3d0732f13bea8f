"""Every address of the service."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from ledgerlink import health
from ledgerlink.schema_views import DocsView, RedocView, SchemaView, YamlView

health_urls: list[URLPattern | URLResolver] = [
    path("health", health.live, name="health"),
    path("health/ready", health.ready, name="health-ready"),
]

api_v1: list[URLPattern | URLResolver] = [
    *health_urls,
    path("", include("users.urls")),
    path("", include("balances.urls")),
    path("", include("transactions.urls")),
    path("", include("audit.urls")),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    *health_urls,
    path("api/v1/", include(api_v1)),
    path("api/schema", SchemaView.as_view(), name="schema"),
    path("api/schema.yaml", YamlView.as_view(), name="schema-yaml"),
    path("api/docs", DocsView.as_view(), name="docs"),
    path("api/redoc", RedocView.as_view(), name="redoc"),
    path("admin/", admin.site.urls),
]

handler400 = "ledgerlink.problems.bad_request"
handler403 = "ledgerlink.problems.permission_denied"
handler404 = "ledgerlink.problems.page_not_found"
handler500 = "ledgerlink.problems.server_error"
