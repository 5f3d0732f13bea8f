"""The OpenAPI document: amounts, balances, history and statements."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import (
    Direction,
    OpenApiParameter,
    OpenApiResponse,
)

from balances import errors
from balances.api import BalanceViewSet, CurrentQuery, HistoryQuery
from balances.currencies import currencies
from balances.enums import BalanceStatus
from balances.money import MAX_AMOUNT, MAX_DIGITS
from balances.statement_api import StatementQuery, StatementView
from balances.statement_files import MAX_ENTRIES
from ledgerlink.schema import (
    A_TIME,
    A_TRANSACTION,
    NOTES,
    PARTY,
    USER_ID,
    UUID,
    Json,
    component,
    describe,
    example,
    flag,
    header,
    json_answer,
    operation,
    page_of,
    record,
    text,
    time,
    whole,
)

TAG = "Balances"

NOTES.update(
    {
        "at": "As posted at this moment, which must be over.",
        "from": "Included.",
        "to": "Excluded.",
        "transaction_id": "The entries of one transaction.",
        "format": "Wins over the `Accept` header.",
    }
)

# --- Money ----------------------------------------------------------------------------------------

_SENT = r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,8})?$"
_MORE_THAN_ZERO = r"^(?!0(\.0+)?$)" + _SENT.removeprefix("^")
AMOUNT = component(
    "Amount",
    text(
        "A plain decimal of the currency's own number of decimals.",
        pattern=r"^(0|[1-9][0-9]*)(\.[0-9]{1,8})?$",
        examples=["100.50"],
    ),
)
SIGNED_AMOUNT = component(
    "SignedAmount",
    text(
        "As `Amount`, below zero with a minus.",
        pattern=r"^-?(0|[1-9][0-9]*)(\.[0-9]{1,8})?$",
        examples=["-100.50"],
    ),
)
CURRENCY = component(
    "CurrencyCode", text("ISO 4217, or one of this service's own.", pattern="^[A-Z0-9]{3,8}$")
)


class SentAmount(OpenApiSerializerFieldExtension):
    """A string in a query. In a body a number does as well, and is read as it is written."""

    target_class = "balances.fields.AmountField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        zero = self.target.field_name == "min_balance_after"
        pattern = _SENT if zero else _MORE_THAN_ZERO
        plain = text(pattern=pattern, maxLength=MAX_DIGITS + 1, examples=["100.50"])
        if auto_schema.method == "GET":
            return plain
        bound = "minimum" if zero else "exclusiveMinimum"
        schema = {
            "description": f"{_SENT_RULE} {'Zero or more' if zero else 'More than zero'}.",
            "anyOf": [plain, {"type": "number", bound: 0, "maximum": MAX_AMOUNT}],
        }
        return component("MinimumSent" if zero else "AmountSent", schema)


_SENT_RULE = (
    f"At most {MAX_DIGITS} digits, with no more decimals than the currency has. Send a string; a "
    "JSON number is accepted too, and read digit by digit, never as a float: without an exponent."
)


class SentCurrency(OpenApiSerializerFieldExtension):
    target_class = "balances.fields.CurrencyField"
    priority = 1  # it is a kind of text, which has an extension as well

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        codes = sorted(currencies())
        said = "ISO 4217, or one of this service's own."
        return component("Currency", text(said, enum=codes, examples=["USD"]))


# --- Shapes ---------------------------------------------------------------------------------------

BALANCE = component(
    "Balance",
    record(
        "What a user has in one currency.",
        currency=CURRENCY,
        amount=SIGNED_AMOUNT | {"description": "What is posted."},
        held=AMOUNT | {"description": "What pending transactions hold of it."},
        available=SIGNED_AMOUNT
        | {
            "description": "What may be spent: amount - held + overdraft; below zero, what is owed."
        },
        version=whole("Grows with each change; for `expected_version`."),
        status=text(enum=BalanceStatus.values),
        updated_at=time("When it last changed."),
    ),
)
A_BALANCE: Json = {
    "currency": "USD",
    "amount": "80.50",
    "held": "0.00",
    "available": "80.50",
    "version": 2,
    "status": "active",
    "updated_at": A_TIME,
}
PAST_BALANCE = component(
    "PastBalance",
    record(
        "What was posted at a moment. What was held then is not known.",
        currency=CURRENCY,
        amount=SIGNED_AMOUNT,
        entry_version=whole("The version of the last entry; 0 before the first."),
        at=time("The moment."),
    ),
)


def _all_of(kind: Json) -> Json:
    listed = {"type": "array", "items": kind}
    return record("All balances of a user.", user_id=USER_ID, balances=listed)


CURRENT = component(
    "CurrentBalances",
    {
        "description": "One balance with `currency`, else all of them; `at` gives past ones.",
        "anyOf": [BALANCE, PAST_BALANCE, _all_of(BALANCE), _all_of(PAST_BALANCE)],
    },
)
ENTRY = component(
    "Entry",
    record(
        "A change of a balance, kept for good.",
        id=whole(minimum=1),
        transaction_id=UUID,
        currency=CURRENCY,
        delta=SIGNED_AMOUNT,
        before=SIGNED_AMOUNT,
        after=SIGNED_AMOUNT,
        version=whole("1, 2, 3… without a gap.", minimum=1),
        created_at=time("When it was posted."),
    ),
)
AN_ENTRY = {
    "id": 42,
    "transaction_id": A_TRANSACTION,
    "currency": "USD",
    "delta": "-20.00",
    "before": "100.50",
    "after": "80.50",
    "version": 2,
    "created_at": A_TIME,
}
STATEMENT = component(
    "Statement",
    record(
        "A period of one balance: where it began, what happened, where it ended.",
        user=PARTY,
        currency=CURRENCY,
        period=record(
            "From, included, to, excluded.",
            from_=time("Its first moment."),
            to=time("The moment after its last."),
            provisional=flag("Entries may still be added: the period is not over."),
        ),
        opening=SIGNED_AMOUNT,
        entries={
            "type": "array",
            "maxItems": MAX_ENTRIES,
            "items": record(
                "One entry, oldest first.",
                created_at=time("When it was posted."),
                effective_at=time("Its value date."),
                type=text(),
                counterparty=text("A username, or a house account such as `External`."),
                reference=text(),
                description=text(),
                delta=SIGNED_AMOUNT,
                balance=SIGNED_AMOUNT | {"description": "The running balance."},
                version=whole(minimum=1),
                transaction_id=UUID,
            ),
        },
        closing=SIGNED_AMOUNT,
        totals=record(
            "What went in and out, both without a sign.", in_=AMOUNT, out=AMOUNT, count=whole()
        ),
    ),
)
A_STATEMENT = {
    "user": {"id": 7, "username": "alice"},
    "currency": "USD",
    "period": {
        "from": "2026-10-01T00:00:00.000000Z",
        "to": "2026-11-01T00:00:00.000000Z",
        "provisional": False,
    },
    "opening": "100.50",
    "entries": [
        {
            "created_at": "2026-10-12T08:15:00.000000Z",
            "effective_at": "2026-10-12T08:15:00.000000Z",
            "type": "transfer",
            "counterparty": "bob",
            "reference": "invoice 1001",
            "description": "",
            "delta": "-20.00",
            "balance": "80.50",
            "version": 2,
            "transaction_id": A_TRANSACTION,
        }
    ],
    "closing": "80.50",
    "totals": {"in": "0.00", "out": "20.00", "count": 1},
}

# --- Endpoints ------------------------------------------------------------------------------------

_PRIVATE = "`private, no-cache`: ask before using it again."

describe(
    BalanceViewSet,
    current=operation(
        "balances_current",
        TAG,
        "Balances, now or at a moment",
        "A currency in which nothing was ever moved has a balance of zero. Staff may ask for "
        "another user with `user_id`.",
        query=CurrentQuery,
        headers=[
            OpenApiParameter(
                "If-None-Match",
                str,
                OpenApiParameter.HEADER,
                description="The `ETag` of an answer: 304 without a body while it still holds.",
            ),
            header("ETag", "Names these bytes.", [200, 304]),
            header("Cache-Control", _PRIVATE, [200, 304]),
            header("Vary", "`Authorization`.", [200, 304]),
        ],
        answers={
            **json_answer(
                CURRENT,
                "The balance, or all of them.",
                example("All", {"user_id": 7, "balances": [A_BALANCE]}),
                example("Of one currency", A_BALANCE),
                example(
                    "At a moment",
                    {"currency": "USD", "amount": "100.50", "entry_version": 1, "at": A_TIME},
                ),
            ),
            304: OpenApiResponse(description="What the client has still holds."),
        },
        refused=["permission_denied", "not_found", errors.AtInFuture],
    ),
    history=operation(
        "balances_history",
        TAG,
        "Ledger entries",
        "Newest first; any page of any period costs what the first one costs.",
        query=HistoryQuery,
        answers=json_answer(
            page_of(ENTRY, "EntryPage"),
            "A page of entries.",
            example("Entries", {"next": None, "previous": None, "results": [AN_ENTRY]}),
        ),
        refused=["permission_denied", "not_found"],
    ),
)

_FILE = {"type": "string"}
_FILE_ANSWERS: dict[Any, Any] = {
    (200, "text/csv"): OpenApiResponse(_FILE, "The statement. As CSV it may be of any length."),
    (200, "application/pdf"): OpenApiResponse(_FILE, "The statement."),
}

describe(
    StatementView,
    get=operation(
        "balances_statement",
        TAG,
        "A statement as JSON, CSV or PDF",
        "Of the calendar month before this one, or of the period from `from` to `to`, both days "
        "included. Once the period is over, the same question gets the same bytes. `format` wins "
        "over the `Accept` header.",
        query=StatementQuery,
        headers=[
            header("Cache-Control", _PRIVATE, [200]),
            header("Vary", "`Authorization`.", [200]),
            header("Content-Disposition", "The name of the file; not with JSON.", [200]),
        ],
        answers={
            **json_answer(STATEMENT, "The statement.", example("Statement", A_STATEMENT)),
            **_FILE_ANSWERS,
        },
        refused=[
            "permission_denied",
            "not_found",
            errors.InvalidPeriod,
            errors.StatementTooLong,
        ],
    ),
)


class DayOrTime(OpenApiSerializerFieldExtension):
    target_class = "balances.statement_api.DayOrTimeField"
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        moment, day = text(format="date-time"), text(format="date")
        return {"anyOf": [day, moment], "description": "A day (UTC) or a moment."}
