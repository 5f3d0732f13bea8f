"""Metrics of balances: where they are read from, how often they change, what they add up to.

Connected only while PROMETHEUS_ENABLED.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Sum
from django.db.transaction import on_commit
from django.dispatch import receiver
from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily, Metric

from balances.accounts import Account
from balances.currencies import currencies
from balances.models import Balance
from balances.signals import balances_changed, balances_read
from ledgerlink.metrics.stored import stored

_operations = Counter(
    "ledger_balance_operations_total",
    "Balances read (from the cache or from the database) and changed.",
    ["operation", "status"],
)
_cache_hit = _operations.labels("read", "cache_hit")
_db_hit = _operations.labels("read", "db_hit")
_updated = _operations.labels("update", "success")


@receiver(balances_read, dispatch_uid="balances.metrics.read")
def count_read(cached: bool, **_kwargs: Any) -> None:  # noqa: FBT001 - sent by name
    (_cache_hit if cached else _db_hit).inc()


@receiver(balances_changed, dispatch_uid="balances.metrics.changed")
def count_when_committed(accounts: Sequence[Account], **_kwargs: Any) -> None:
    number = len(accounts)
    on_commit(lambda: _updated.inc(number), robust=True)


@stored(keep=15)
def customer_funds() -> Iterable[Metric]:
    """Of all users together, without reading their balances: a currency sums to zero, so it is
    what the house accounts, which are few, lack."""
    family = GaugeMetricFamily(
        "ledger_customer_funds",
        "What all users hold, in units of the currency (dollars, not cents).",
        labels=["currency"],
    )
    house = Balance.objects.filter(house__isnull=False).values_list("currency")
    for currency, total in house.annotate(Sum("amount")).order_by("currency"):
        family.add_metric([currency], -int(total) / 10 ** currencies().get(currency, 0))
    return [family]
