from django.apps import AppConfig
from django.conf import settings


class LedgerLinkConfig(AppConfig):
    name = "ledgerlink"
    verbose_name = "Ledger Link"

    def ready(self) -> None:
        from ledgerlink import checks  # noqa: F401 - registers the system checks
        from ledgerlink.tracing import checks as _checks  # noqa: F401 - and those of tracing

        if settings.PROMETHEUS_ENABLED:
            from ledgerlink.metrics import multiprocess

            multiprocess.count_alone_unless_shared()  # the first of all to be ready

            from ledgerlink.metrics import statements  # noqa: F401 - connects the receiver
