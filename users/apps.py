from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig


class UsersConfig(AppConfig):
    name = "users"

    def ready(self) -> None:
        from users import receivers  # noqa: F401 - connects the receivers

        if settings.PROMETHEUS_ENABLED:
            from users import metrics  # noqa: F401 - connects its receivers


class BackOfficeConfig(AdminConfig):
    default_site = "users.admin_site.BackOfficeSite"
