"""Where the ledger entries of a balance are found, in the order in which they were written."""

from functools import partial

from django.db.models import Q

from balances.models import BalanceHistory
from ledgerlink.long_lists import Way


def way_to_entries(balance_id: int) -> Way:
    return Way(Q(balance=balance_id), "version", partial(_version_beyond, balance_id))


def _version_beyond(balance_id: int, key: int, down: bool) -> int:  # noqa: FBT001 - as Seek has it
    """The version beyond which all entries beyond the primary key are, found by halving: keys and
    versions are both given under the balance's lock, so they grow together."""
    entries = BalanceHistory.objects.filter(balance=balance_id).order_by("version")
    found = entries.order_by("-version").values_list("version", flat=True).first() or 0
    low, high = 0, found + 1
    while low < high:
        middle = (low + high) // 2
        probe = entries.filter(version__gte=middle).values_list("version", "pk").first()
        if probe is None or (probe[1] >= key if down else probe[1] > key):
            high = middle
        else:
            low = probe[0] + 1
    return low if down else low - 1
