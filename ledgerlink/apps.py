from django.apps import AppConfig


class LedgerLinkConfig(AppConfig):
    name = "ledgerlink"
    verbose_name = "Ledger Link"

    def ready(self) -> None:
        from ledgerlink import checks  # noqa: F401 - registers the system checks
