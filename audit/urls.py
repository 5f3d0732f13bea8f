from django.urls import path

from audit import schema  # noqa: F401 - describes the views for the OpenAPI document
from audit.api import AuditViewSet, SealViewSet

urlpatterns = [
    path("audit", AuditViewSet.as_view({"get": "list"}), name="audit-list"),
    path("audit/seals", SealViewSet.as_view({"get": "list"}), name="audit-seals"),
]
