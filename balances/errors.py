"""Why a reading of the books is refused."""

from ledgerlink.errors import InvalidInput, LedgerError, TryAgainLater


class AtInFuture(InvalidInput):
    code = "at_in_future"
    title = "That moment has not come yet"


class InvalidPeriod(InvalidInput):
    code = "invalid_period"
    title = "The period can't be used"


class StatementTooLong(LedgerError):
    code = "statement_too_long"
    title = "The statement has too many entries"


class CurrencyRedefined(TryAgainLater):
    """Not Unavailable: what is asked for in other currencies goes on."""

    code = "currency_redefined"
    title = "The settings contradict the books about the decimals of the currency"
    status = 503
