"""The bodies and query strings of `/approvals`."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.fields import empty

from balances.enums import BalanceStatus
from balances.fields import AmountField, CurrencyField, amount_in, least_in
from ledgerlink.serializers import (
    MAX_WHOLE,
    FlagField,
    IdField,
    MomentField,
    PageQuery,
    QueryIdField,
    StrictSerializer,
    TextField,
    WholeNumberField,
)
from transactions.approval_model import APPROVAL_REASON_MAX_LENGTH, COMMENT_MAX_LENGTH
from transactions.asked import Direction
from transactions.enums import ApprovalKind, ApprovalStatus
from transactions.models import DESCRIPTION_MAX_LENGTH, REFERENCE_MAX_LENGTH
from users.roles import Role

FREEZABLE = [status.value for status in BalanceStatus if status != BalanceStatus.CLOSED]


class AskingBody(StrictSerializer):
    """What every request has; its `kind` says what else."""

    reason = TextField(max_length=APPROVAL_REASON_MAX_LENGTH)


class MoneyBody(AskingBody):
    """`amount` becomes minor units."""

    currency = CurrencyField()
    amount = AmountField()
    description = TextField(
        max_length=DESCRIPTION_MAX_LENGTH, default="", allow_blank=True, trim_whitespace=False
    )
    reference = TextField(
        max_length=REFERENCE_MAX_LENGTH, default="", allow_blank=True, trim_whitespace=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs | {"amount": amount_in(attrs["currency"], attrs["amount"])}


class AdjustmentBody(MoneyBody):
    kind = serializers.ChoiceField([ApprovalKind.ADJUSTMENT.value])
    user_id = IdField()
    direction = serializers.ChoiceField([direction.value for direction in Direction])
    allow_overdraft = FlagField(default=False)


class WithdrawalBody(MoneyBody):
    kind = serializers.ChoiceField([ApprovalKind.WITHDRAWAL.value])
    user_id = IdField()


class TransferForBody(MoneyBody):
    kind = serializers.ChoiceField([ApprovalKind.TRANSFER.value])
    from_user_id = IdField()
    to_user_id = IdField()


class ReversalBody(AskingBody):
    """`amount` is of the transaction's currency; all that is left of it when left out."""

    kind = serializers.ChoiceField([ApprovalKind.REVERSAL.value])
    transaction_id = serializers.UUIDField()
    amount = AmountField(default=None)
    allow_overdraft = FlagField(default=False)


class FreezeBody(AskingBody):
    kind = serializers.ChoiceField([ApprovalKind.FREEZE.value])
    user_id = IdField()
    currency = CurrencyField()
    status = serializers.ChoiceField(FREEZABLE)
    until = MomentField(default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["until"] is not None and attrs["status"] == BalanceStatus.ACTIVE:
            only = ErrorDetail("Only a freeze has an end.", code="not_frozen")
            raise serializers.ValidationError({"until": [only]})
        return attrs


class LimitBody(AskingBody):
    """A limit that is left out is none. Amounts become minor units."""

    kind = serializers.ChoiceField([ApprovalKind.LIMIT.value])
    user_id = IdField(required=False)
    role = serializers.ChoiceField(Role.choices, required=False)
    currency = CurrencyField()
    per_transaction = AmountField(default=None)
    per_day = AmountField(default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("user_id" in attrs) == ("role" in attrs):
            either = ErrorDetail("Send either `user_id` or `role`.", code="either_required")
            raise serializers.ValidationError({"user_id": [either]})
        for name in ("per_transaction", "per_day"):
            if attrs[name] is not None:
                attrs[name] = least_in(attrs["currency"], attrs[name], name)
        return attrs


BODIES: dict[str, type[AskingBody]] = {
    ApprovalKind.ADJUSTMENT: AdjustmentBody,
    ApprovalKind.REVERSAL: ReversalBody,
    ApprovalKind.FREEZE: FreezeBody,
    ApprovalKind.LIMIT: LimitBody,
    ApprovalKind.WITHDRAWAL: WithdrawalBody,
    ApprovalKind.TRANSFER: TransferForBody,
}
_KIND = serializers.ChoiceField(ApprovalKind.choices)


def read_asking(data: Any) -> dict[str, Any]:
    """The body of a request, validated as its `kind` wants it."""
    if not isinstance(data, Mapping):
        return AskingBody.read(data)  # raises
    try:
        kind = _KIND.run_validation(data.get("kind", empty))
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"kind": error.detail}) from error
    return BODIES[kind].read(data)


class ApproveBody(StrictSerializer):
    """`expected_version` is of the balance that it is about, or of the limit (0: none was set)."""

    comment = TextField(max_length=COMMENT_MAX_LENGTH, default="", allow_blank=True)
    expected_version = WholeNumberField(min_value=0, max_value=MAX_WHOLE, default=None)


class RejectBody(StrictSerializer):
    comment = TextField(max_length=COMMENT_MAX_LENGTH)


class WithdrawBody(StrictSerializer):
    comment = TextField(max_length=COMMENT_MAX_LENGTH, default="", allow_blank=True)


class ApprovalQuery(PageQuery):
    status = serializers.ChoiceField(ApprovalStatus.choices, required=False)
    kind = serializers.ChoiceField(ApprovalKind.choices, required=False)
    requested_by = QueryIdField(required=False)
    user_id = QueryIdField(required=False)
