from django.apps import AppConfig
from django.conf import settings

from ledgerlink.tracing.switch import is_on as tracing_is_on


class TransactionsConfig(AppConfig):
    name = "transactions"

    def ready(self) -> None:
        if settings.PROMETHEUS_ENABLED:
            from transactions import metrics  # noqa: F401 - connects its receivers
        if tracing_is_on():
            from transactions import tracing  # noqa: F401 - connects its receivers
        from transactions import checks, receivers  # noqa: F401 - registers and connects them
