import atexit

from django.apps import AppConfig
from django.conf import settings


class BalancesConfig(AppConfig):
    name = "balances"

    def ready(self) -> None:
        from balances import checks, receivers  # noqa: F401 - registers and connects them
        from balances.cache import finish

        atexit.register(finish)  # before the posting queue registers: the last one goes first

        if settings.PROMETHEUS_ENABLED:
            from balances import metrics  # noqa: F401 - connects its receivers
