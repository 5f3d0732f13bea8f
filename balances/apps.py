from django.apps import AppConfig


class BalancesConfig(AppConfig):
    name = "balances"

    def ready(self) -> None:
        from balances import checks, receivers  # noqa: F401 - registers and connects them
