from django.apps import AppConfig
from django.conf import settings


class BalancesConfig(AppConfig):
    name = "balances"

    def ready(self) -> None:
        from balances import checks, receivers  # noqa: F401 - registers and connects them

        if settings.PROMETHEUS_ENABLED:
            from balances import metrics  # noqa: F401 - connects its receivers
