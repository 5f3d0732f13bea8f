from django.urls import path

from audit import schema  # noqa: F401 - describes the views for the OpenAPI document
from audit.api import AuditViewSet

urlpatterns = [
    path("audit", AuditViewSet.as_view({"get": "list"}), name="audit-list"),
]
