"""The decimals that the books are counted in.

Amounts are kept in minor units, so a currency whose decimals change would change what everybody
has. They are kept with the first balance of a currency, and compared with the settings ever after.
"""

from collections.abc import Collection

from django.db.models.constants import OnConflict

from balances.currencies import currencies
from balances.errors import CurrencyRedefined
from balances.models import Currency
from ledgerlink.rows import insert_rows

_proved: set[str] = set()  # currencies of which this process knows that their decimals are right


def contradictions() -> list[tuple[str, int, int]]:
    """The currencies that have other decimals in the books than in the settings: those of the
    books first."""
    return _contradictions(dict(Currency.objects.order_by("code").values_list("code", "exponent")))


def require_kept_decimals(codes: Collection[str]) -> None:
    """Keep the decimals of those currencies that are new to the books, in the caller's transaction.

    Raises CurrencyRedefined. A currency is looked up until it was found once; one that is no
    longer configured can't be counted wrong.
    """
    asked = {code for code in codes if code not in _proved and code in currencies()}
    if not asked:
        return
    found = _kept(asked)
    new = sorted(asked - found.keys())
    if new:
        rows = [(code, currencies()[code]) for code in new]
        insert_rows(Currency, ("code", "exponent"), rows, on_conflict=OnConflict.IGNORE)
    for code, kept, configured in _contradictions(found | _kept(new)):
        raise CurrencyRedefined(
            f"{code} has {kept} decimals in the books and {configured} in the settings. Nothing in "
            f"{code} is moved until they agree."
        )
    _proved.update(found)  # what was just kept may yet be rolled back


def forget_proved() -> None:
    _proved.clear()


def _kept(codes: Collection[str]) -> dict[str, int]:
    if not codes:
        return {}
    return dict(Currency.objects.filter(code__in=codes).values_list("code", "exponent"))


def _contradictions(kept: dict[str, int]) -> list[tuple[str, int, int]]:
    known = currencies()
    return [
        (code, exponent, known[code])
        for code, exponent in kept.items()
        if known.get(code, exponent) != exponent
    ]
