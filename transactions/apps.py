from django.apps import AppConfig
from django.conf import settings


class TransactionsConfig(AppConfig):
    name = "transactions"

    def ready(self) -> None:
        if settings.PROMETHEUS_ENABLED:
            from transactions import metrics  # noqa: F401 - connects its receivers
        from transactions import checks  # noqa: F401 - registers it
