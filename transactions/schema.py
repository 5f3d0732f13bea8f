"""The OpenAPI document: moving money, and seeing what was moved."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiParameter
from rest_framework.serializers import ListField

from balances.errors import CurrencyRedefined
from balances.schema import A_BALANCE, AMOUNT, BALANCE, CURRENCY
from ledgerlink.errors import LedgerError
from ledgerlink.schema import (
    A_TIME,
    A_TRANSACTION,
    NOTES,
    PARTY,
    UUID,
    Json,
    component,
    describe,
    example,
    flag,
    json_answer,
    operation,
    or_null,
    page_of,
    record,
    request_example,
    text,
    time,
    whole,
)
from ledgerlink.schema_problems import REFUSALS
from transactions import errors
from transactions.api import TransactionViewSet
from transactions.enums import TransactionStatus, TransactionType
from transactions.idempotency import InvalidIdempotencyKey
from transactions.serializers import (
    MAX_BATCH_SIZE,
    METADATA_MAX_BYTES,
    BatchBody,
    BatchDeposit,
    BatchTransfer,
    BatchWithdrawal,
    CancelBody,
    CaptureBody,
    DepositBody,
    PayoutBody,
    ReverseBody,
    TransactionQuery,
    TransferBody,
)

TAG = "Transactions"

NOTES.update(
    {
        "to_user_id": "Who is paid.",
        "from_user_id": "Who pays, for staff; else the caller.",
        "user_id": "Whose money or books, for staff; else the caller.",
        "description": "For people; shown to both.",
        "reference": "Such as an invoice; can be searched for, and is shown to both.",
        "reverses": "The reversals of this transaction.",
        "expected_version": "Refuse (409) unless the paying balance has this version.",
        "min_balance_after": "Refuse when less than this would be left to the payer.",
        "pending": "Hold the money; it moves when it is captured.",
        "expires_in": "Seconds until the hold ends by itself; only with `pending`.",
        "dry_run": "Answer what would happen, and keep nothing.",
        "reason": "Why, for the books.",
        "allow_overdraft": "For staff: take it back although it was spent.",
        "mode": "Each by itself, or all or none.",
        "direction": "Received, or sent.",
        "counterparty": "The id of the other user.",
        "min_amount": "In `currency`.",
        "max_amount": "In `currency`.",
        "currency": "An ISO 4217 code, or one that is configured.",
        "type": "What kind of movement.",
    }
)

# --- Requests -------------------------------------------------------------------------------------

_KEY = {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"}
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    _KEY,
    OpenApiParameter.HEADER,
    description="Makes it safe to ask again: the same key with the same body is answered with the "
    "same bytes and moves nothing. Keys belong to the caller, and are remembered for 30 days (the "
    "setting `IDEMPOTENCY_KEY_DAYS`). 1 to 255 printable ASCII characters without spaces.",
)


class DescribedKey(OpenApiSerializerFieldExtension):
    target_class = "transactions.idempotency.IdempotencyKeyField"
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        return {**_KEY, "description": "As the header, for this item alone."}


class DescribedMetadata(OpenApiSerializerFieldExtension):
    target_class = "transactions.serializers.MetadataField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        said = f"At most {METADATA_MAX_BYTES} bytes of JSON; shown to both parties."
        return {"type": "object", "description": said, "additionalProperties": {}}


class Items(ListField):
    """The items of a batch, which are validated one by one."""


class DescribedItems(OpenApiSerializerFieldExtension):
    target_class = Items

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        transfer, deposit, withdrawal = (
            auto_schema.resolve_serializer(kind, direction).ref
            for kind in (BatchTransfer, BatchDeposit, BatchWithdrawal)
        )
        return {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_BATCH_SIZE,
            "items": {
                "oneOf": [transfer, deposit, withdrawal],
                "discriminator": {
                    "propertyName": "type",
                    "mapping": {
                        "transfer": transfer["$ref"],
                        "deposit": deposit["$ref"],
                        "withdrawal": withdrawal["$ref"],
                    },
                },
            },
        }


class BatchRequest(BatchBody):
    transactions = Items()


# --- Answers --------------------------------------------------------------------------------------

_MEMBERS: dict[str, Json] = {
    "id": UUID,
    "type": text(enum=TransactionType.values),
    "status": text(enum=TransactionStatus.values),
    "amount": AMOUNT,
    "authorized_amount": or_null(AMOUNT) | {"description": "What a pending one held at first."},
    "reversed_amount": AMOUNT | {"description": "How much of it was given back by now."},
    "currency": CURRENCY,
    "from_user": or_null(PARTY) | {"description": "Null: from the world outside."},
    "to_user": or_null(PARTY) | {"description": "Null: to the world outside."},
    "description": text(),
    "reference": text(),
    "metadata": {"type": "object"},
    "failure_code": or_null(text("Why it was refused: the `code` of the problem.")),
    "reverses": or_null(UUID) | {"description": "The transaction that this one gives back."},
    "expires_at": or_null(time("Until when a pending one can be captured.")),
    "effective_at": time("Its value date."),
    "created_at": time("When it was posted."),
    "completed_at": or_null(time("When the money moved.")),
}
_BALANCE = {"balance": BALANCE}
TRANSACTION = component("Transaction", record("A movement of money.", **_MEMBERS))
MOVED = component(
    "PostedTransaction",
    record("A transaction, and the caller's balance as it left it.", **_MEMBERS, **_BALANCE),
)
_DRY = {"dry_run": {"const": True}}
TRIED = component(
    "DryRun",
    record(
        "What would have been answered. Nothing was kept; what would be new has no id.",
        **(_MEMBERS | {"id": or_null(UUID)} | _BALANCE | _DRY),
    ),
)
_REPLAYED = flag("Its own key was used before: nothing was done now.")
RESULT = component(
    "BatchResult",
    {
        "description": "What became of one item, as it would have been answered by itself.",
        "oneOf": [
            record(
                "Done.",
                status={"enum": [200, 201]},
                replayed=_REPLAYED,
                transaction={"anyOf": [MOVED, TRIED]},
            ),
            record(
                "Refused.",
                status=whole(minimum=400),
                replayed=_REPLAYED,
                problem={"$ref": "#/components/schemas/Problem"},
            ),
        ],
    },
)
RESULTS = component(
    "BatchResults",
    record("In the order of the items.", results={"type": "array", "items": RESULT}),
)

A_STORED: Json = {
    "id": A_TRANSACTION,
    "type": "transfer",
    "status": "completed",
    "amount": "20.00",
    "authorized_amount": None,
    "reversed_amount": "0.00",
    "currency": "USD",
    "from_user": {"id": 7, "username": "alice"},
    "to_user": {"id": 8, "username": "bob"},
    "description": "",
    "reference": "invoice 1001",
    "metadata": {},
    "failure_code": None,
    "reverses": None,
    "expires_at": None,
    "effective_at": A_TIME,
    "created_at": A_TIME,
    "completed_at": A_TIME,
}
A_MOVED: Json = {**A_STORED, "balance": A_BALANCE}

# --- Endpoints ------------------------------------------------------------------------------------

_Refused = list[type[LedgerError] | str]
_KEYS: _Refused = [InvalidIdempotencyKey, errors.IdempotencyKeyReused]
_POSTING: _Refused = [
    errors.ActorInactive,
    errors.QueueFull,
    errors.PostingTimedOut,
    errors.OutcomeUnknown,
    CurrencyRedefined,
]
_MOVING: _Refused = [
    "permission_denied",
    *_KEYS,
    *_POSTING,
    errors.InsufficientFunds,
    errors.BalanceFrozen,
    errors.ReceiverUnavailable,
    errors.BalanceLimitExceeded,
    errors.VersionConflict,
    errors.MinimumNotKept,
    errors.AmountLimitExceeded,
    errors.DailyLimitExceeded,
    errors.UnknownParty,
]
_FUNDING: _Refused = [*_MOVING, errors.FundingNotAllowed]
_WITHDRAWING: _Refused = [*_FUNDING, errors.ApprovalRequired]
_SETTLING: _Refused = [
    "permission_denied",
    *_KEYS,
    *_POSTING,
    errors.NotPending,
]
_HOLDS = (
    "With `pending` the money is held until it is captured, cancelled, or `expires_in` seconds are "
    "over (7 days). `dry_run` answers what would happen, and keeps nothing."
)
_GUARDS = f"`expected_version` and `min_balance_after` guard the paying balance. {_HOLDS}"


def _moving(name: str, summary: str, description: str, body: Any, **more: Any) -> Any:
    """An endpoint that makes a transaction."""
    made = json_answer(MOVED, "The transaction.", example("Made", A_MOVED), status=201)
    shown = A_MOVED | {"id": None, "dry_run": True}
    tried = json_answer(TRIED, "A dry run: what would have been made.", example("Tried", shown))
    return operation(
        f"transactions_{name}",
        TAG,
        summary,
        description,
        body=body,
        answers={**tried, **made},
        headers=[IDEMPOTENCY_KEY],
        **more,
    )


def _settling(
    name: str,
    summary: str,
    description: str,
    body: Any,
    *,
    asked: OpenApiExample,
    refused: Sequence[type[LedgerError] | str] = (),
) -> Any:
    """An endpoint that changes a pending transaction."""
    return operation(
        f"transactions_{name}",
        TAG,
        summary,
        description,
        body=body,
        answers=json_answer(
            {"anyOf": [MOVED, TRIED]}, "The transaction as it is now.", example("Settled", A_MOVED)
        ),
        headers=[IDEMPOTENCY_KEY],
        refused=[*_SETTLING, *refused],
        examples=[asked],
    )


describe(
    TransactionViewSet,
    transfer=_moving(
        "transfer",
        "Send money to another user",
        f"From the caller, or from the user whom staff names with `from_user_id`: above an amount "
        f"that is configured only with a second person's approval. {_GUARDS}",
        TransferBody,
        refused=[*_MOVING, errors.SelfTransfer, errors.ApprovalRequired],
        examples=[
            request_example(
                "Payment",
                {
                    "to_user_id": 8,
                    "amount": "20.00",
                    "currency": "USD",
                    "reference": "invoice 1001",
                },
            ),
            request_example(
                "Authorisation",
                {"to_user_id": 8, "amount": "20.00", "pending": True, "expires_in": 86400},
            ),
        ],
    ),
    deposit=_moving(
        "deposit",
        "Take in money from the world outside",
        f"To the caller, where self-service is on, or to the user whom staff names. {_HOLDS}",
        DepositBody,
        refused=_FUNDING,
        examples=[request_example("Deposit", {"amount": "100.50"})],
    ),
    withdraw=_moving(
        "withdraw",
        "Pay out money to the world outside",
        f"From the caller, where self-service is on, or from the user whom staff names: above an "
        f"amount that is configured only with a second person's approval. {_GUARDS}",
        PayoutBody,
        refused=_WITHDRAWING,
        examples=[request_example("Withdrawal", {"amount": "50.00"})],
    ),
    capture=_settling(
        "capture",
        "Move what is held",
        "All of it, or `amount` of it, and the rest is let go.",
        CaptureBody,
        asked=request_example("A part", {"amount": "15.00"}),
        refused=[
            errors.PendingExpired,
            errors.CaptureTooLarge,
            errors.BalanceFrozen,
            errors.BalanceLimitExceeded,
            errors.FundingNotAllowed,
        ],
    ),
    cancel=_settling(
        "cancel",
        "Let go what is held",
        "All of it. The receiver of a transfer and staff may; of a deposit or withdrawal whoever "
        "asked for it.",
        CancelBody,
        asked=request_example("For real", {"dry_run": False}),
    ),
    reverse=_moving(
        "reverse",
        "Give a completed transaction back",
        "All that is left of it, or `amount`; repeatedly, up to the original. Whoever received a "
        "transfer may. Backends of staff may reverse anything, and with `allow_overdraft` also "
        "where the money was spent; people of staff need a second person's approval for that.",
        ReverseBody,
        refused=[
            *_MOVING,
            errors.NotReversible,
            errors.ReversalTooLarge,
            errors.ApprovalRequired,
        ],
        examples=[request_example("Refund", {"amount": "5.00", "reason": "One was broken"})],
    ),
    batch=operation(
        "transactions_batch",
        TAG,
        "Up to 1,000 movements at once",
        "`independent`: each has its own outcome. `atomic`: all or none, and the problem names "
        "the culprit by `index` and `reason`; its status is that of the culprit's own refusal. "
        "API keys need the scope of each movement as well.",
        body=BatchRequest,
        answers=json_answer(
            RESULTS,
            "What became of each item.",
            example(
                "Results", {"results": [{"status": 201, "replayed": False, "transaction": A_MOVED}]}
            ),
        ),
        headers=[IDEMPOTENCY_KEY],
        refused=[
            "permission_denied",
            *_KEYS,
            *_POSTING,
            errors.FundingNotAllowed,
            # Of the status that the culprit would have been answered by itself.
            REFUSALS.of(errors.BatchRefused, also=(403, 409)),
        ],
        examples=[
            request_example(
                "Payroll",
                {
                    "mode": "atomic",
                    "transactions": [
                        {"type": "transfer", "to_user_id": 8, "amount": "20.00"},
                        {"type": "transfer", "to_user_id": 9, "amount": "30.00"},
                    ],
                },
            )
        ],
    ),
    list=operation(
        "transactions_list",
        TAG,
        "List transactions",
        "The caller's, newest first; for staff everybody's, or those of `user_id`. `min_amount` "
        "and `max_amount` need `currency`.",
        query=TransactionQuery,
        answers=json_answer(
            page_of(TRANSACTION, "TransactionPage"),
            "A page of transactions.",
            example("Transactions", {"next": None, "previous": None, "results": [A_STORED]}),
        ),
        refused=["permission_denied"],
    ),
    retrieve=operation(
        "transactions_retrieve",
        TAG,
        "One transaction",
        "To those who are no party to it, it does not exist.",
        answers=json_answer(TRANSACTION, "The transaction.", example("Stored", A_STORED)),
    ),
)
