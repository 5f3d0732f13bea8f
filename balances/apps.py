from django.apps import AppConfig


class BalancesConfig(AppConfig):
    name = "balances"

    def ready(self) -> None:
        from balances import receivers  # noqa: F401 - connects the receivers
