from django.apps import AppConfig
from django.conf import settings


class AuditConfig(AppConfig):
    name = "audit"

    def ready(self) -> None:
        from audit import receivers  # noqa: F401 - connects the receivers

        if settings.PROMETHEUS_ENABLED:
            from audit import metrics  # noqa: F401 - registers its figures
