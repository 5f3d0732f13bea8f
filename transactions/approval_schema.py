"""The OpenAPI document: what takes two people."""

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer

from balances.schema import CURRENCY
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
    json_answer,
    operation,
    or_null,
    page_of,
    record,
    request_example,
    text,
    time,
)
from transactions import errors
from transactions.approval_api import ApprovalViewSet
from transactions.approval_serializers import (
    BODIES,
    ApprovalQuery,
    ApproveBody,
    RejectBody,
    WithdrawBody,
)
from transactions.enums import ApprovalKind, ApprovalStatus
from transactions.idempotency import InvalidIdempotencyKey
from transactions.schema import IDEMPOTENCY_KEY

TAG = "Approvals"

NOTES.update(
    {
        "kind": "What is asked for.",
        "comment": "For whoever reads it later.",
        "per_transaction": "What may be sent at once; no limit when left out.",
        "per_day": "What may be sent in a day (UTC); no limit when left out.",
        "until": "When the freeze ends by itself; never when left out.",
        "requested_by": "The id of the one who asked.",
    }
)

APPROVAL = component(
    "Approval",
    record(
        "What one person of staff asked for, and what another decided.",
        id=UUID,
        kind=text(enum=ApprovalKind.values),
        status=text(
            "Approved: and carried out. Failed: approved, but refused by the books.",
            enum=ApprovalStatus.values,
        ),
        summary=text("What is asked, in one line for people."),
        asked={
            "type": "object",
            "description": "What is asked, as it was sent for this `kind`; amounts in `currency`.",
            "additionalProperties": {},
        },
        currency=CURRENCY,
        user=or_null(PARTY) | {"description": "Whose money it is about; null: a role's limit."},
        reason=text("Why it was asked."),
        requested_by=PARTY,
        requested_at=time("When it was asked."),
        expires_at=time("Until when it can be decided."),
        decided_by=or_null(PARTY) | {"description": "Null: nobody; it was withdrawn or expired."},
        decided_at=or_null(time("When it was decided, withdrawn or recorded as expired.")),
        comment=text("What was said to the decision."),
        failure_code=or_null(text("Why the books refused it: the `code` of the problem.")),
        transaction_id=or_null(UUID) | {"description": "The transaction that came of it."},
    ),
)

AN_APPROVAL: Json = {
    "id": "01a20c6f-a2a6-702f-8031-d943a41ed969",
    "kind": "reversal",
    "status": "requested",
    "summary": "Reverse 20.00 USD of the transfer from alice to bob",
    "asked": {"transaction_id": A_TRANSACTION, "amount": "20.00", "allow_overdraft": False},
    "currency": "USD",
    "user": {"id": 8, "username": "bob"},
    "reason": "Paid twice",
    "requested_by": {"id": 3, "username": "finance"},
    "requested_at": A_TIME,
    "expires_at": "2026-11-29T19:03:37.000123Z",
    "decided_by": None,
    "decided_at": None,
    "comment": "",
    "failure_code": None,
    "transaction_id": None,
}

_Refused = list[type[LedgerError] | str]
_KEYS: _Refused = [InvalidIdempotencyKey, errors.IdempotencyKeyReused]
_DECIDING: _Refused = [
    "permission_denied",
    *_KEYS,
    errors.ApprovalDecided,
    errors.ApprovalExpired,
    errors.OwnRequest,
]
# What the books may say to what was approved.
_CARRYING_OUT: _Refused = [
    errors.InsufficientFunds,
    errors.BalanceFrozen,
    errors.BalanceLimitExceeded,
    errors.AmountLimitExceeded,
    errors.DailyLimitExceeded,
    errors.NotReversible,
    errors.ReversalTooLarge,
    errors.StatusUnchanged,
    errors.FreezeOver,
    errors.UnknownParty,
    errors.ReceiverUnavailable,
]


def _deciding(
    name: str,
    summary: str,
    description: str,
    body: Any,
    *,
    status: str,
    refused: _Refused,
    asked: Json,
) -> Any:
    done = AN_APPROVAL | {
        "status": status,
        "decided_at": A_TIME,
        "decided_by": None if status == "withdrawn" else {"id": 4, "username": "admin"},
        "comment": "" if status == "approved" else "Asked for twice",
        "transaction_id": A_TRANSACTION if status == "approved" else None,
    }
    return operation(
        f"approvals_{name}",
        TAG,
        summary,
        description,
        body=body,
        answers=json_answer(APPROVAL, "The approval as it is now.", example("Decided", done)),
        headers=[IDEMPOTENCY_KEY],
        refused=refused,
        examples=[request_example("Decision", asked)],
    )


describe(
    ApprovalViewSet,
    list=operation(
        "approvals_list",
        TAG,
        "List approvals",
        "For staff; newest first. `user_id` is whose money they are about.",
        query=ApprovalQuery,
        answers=json_answer(
            page_of(APPROVAL, "ApprovalPage"),
            "A page of approvals.",
            example("Approvals", {"next": None, "previous": None, "results": [AN_APPROVAL]}),
        ),
        refused=["permission_denied"],
    ),
    create=operation(
        "approvals_create",
        TAG,
        "Ask for what takes two people",
        "An adjustment, a reversal, a freeze (or, with the status `active`, its end), a limit, or "
        "a withdrawal or a transfer for somebody else. Nothing happens until somebody else "
        "approves it. What can never be is refused now; what may change (the funds, say) is judged "
        "when it is approved.",
        body=PolymorphicProxySerializer(
            component_name="ApprovalRequest",
            serializers={str(kind): body for kind, body in BODIES.items()},
            resource_type_field_name="kind",
        ),
        answers=json_answer(
            APPROVAL, "The approval.", example("Requested", AN_APPROVAL), status=201
        ),
        headers=[IDEMPOTENCY_KEY],
        refused=[
            "permission_denied",
            *_KEYS,
            errors.UnknownTransaction,
            errors.NotReversible,
            errors.ReversalTooLarge,
            errors.StatusUnchanged,
            errors.FreezeOver,
            errors.UnknownParty,
            errors.SelfTransfer,
        ],
        examples=[
            request_example(
                "Reversal",
                {
                    "kind": "reversal",
                    "transaction_id": A_TRANSACTION,
                    "amount": "20.00",
                    "reason": "Paid twice",
                },
            ),
            request_example(
                "Adjustment",
                {
                    "kind": "adjustment",
                    "user_id": 7,
                    "direction": "credit",
                    "amount": "5.00",
                    "reason": "A fee that was charged in error",
                },
            ),
            request_example(
                "Freeze",
                {
                    "kind": "freeze",
                    "user_id": 7,
                    "status": "debits_frozen",
                    "until": "2030-01-31T12:00:00Z",
                    "reason": "Card reported stolen",
                },
            ),
        ],
    ),
    retrieve=operation(
        "approvals_retrieve",
        TAG,
        "One approval",
        answers=json_answer(APPROVAL, "The approval.", example("Stored", AN_APPROVAL)),
        refused=["permission_denied"],
    ),
    approve=_deciding(
        "approve",
        "Approve what somebody else asked for",
        "It is carried out at once, and once. What the books refuse then is the answer, and the "
        "approval (`approval_id`) has failed. With `expected_version` nothing is decided (409) "
        "unless the balance, or the limit, still has it; the answer tells which it has.",
        ApproveBody,
        asked={"comment": "Seen the ticket"},
        status="approved",
        refused=[
            *_DECIDING,
            *_CARRYING_OUT,
            errors.RequesterNotAllowed,
            errors.VersionConflict,
            errors.ActorInactive,
        ],
    ),
    reject=_deciding(
        "reject",
        "Reject what somebody else asked for",
        "With a comment that says why.",
        RejectBody,
        asked={"comment": "Asked for twice"},
        status="rejected",
        refused=_DECIDING,
    ),
    withdraw=_deciding(
        "withdraw",
        "Take one's own request back",
        "Only whoever asked may, while it is not decided.",
        WithdrawBody,
        asked={"comment": "Asked for twice"},
        status="withdrawn",
        refused=[
            *(refusal for refusal in _DECIDING if refusal is not errors.OwnRequest),
            errors.NotYourRequest,
        ],
    ),
)
