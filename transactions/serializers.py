"""The bodies and query strings of `/transactions`."""

import json
import math
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from balances.fields import AmountField, CurrencyField, amount_in, least_in
from ledgerlink.parsers import NumberText
from ledgerlink.serializers import (
    MAX_WHOLE,
    FlagField,
    IdField,
    MomentField,
    OneOfField,
    PageQuery,
    QueryIdField,
    StrictSerializer,
    TextField,
    WholeNumberField,
)
from transactions.enums import TransactionStatus, TransactionType
from transactions.idempotency import IdempotencyKeyField
from transactions.models import DESCRIPTION_MAX_LENGTH, REFERENCE_MAX_LENGTH

METADATA_MAX_BYTES = 4096
MAX_PENDING_SECONDS = 90 * 24 * 3600
MAX_BATCH_SIZE = 1000


class MetadataField(serializers.JSONField):
    """An object of the caller's own; its rules are in `MovementBody.validate_metadata`."""


class MovementBody(StrictSerializer):
    """What every movement of money has. `amount` becomes minor units."""

    amount = AmountField()
    currency = CurrencyField()
    description = TextField(
        max_length=DESCRIPTION_MAX_LENGTH, default="", allow_blank=True, trim_whitespace=False
    )
    reference = TextField(
        max_length=REFERENCE_MAX_LENGTH, default="", allow_blank=True, trim_whitespace=False
    )
    metadata = MetadataField(default=dict)
    pending = FlagField(default=False)
    expires_in = WholeNumberField(min_value=1, max_value=MAX_PENDING_SECONDS, required=False)
    dry_run = FlagField(default=False)

    def validate_metadata(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise serializers.ValidationError("Send an object.", code="not_an_object")
        metadata: dict[str, Any] = _with_numbers(value)
        if len(json.dumps(metadata)) > METADATA_MAX_BYTES:
            raise serializers.ValidationError(
                f"Metadata has at most {METADATA_MAX_BYTES} bytes of JSON.", code="too_large"
            )
        return metadata

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs["amount"] = amount_in(attrs["currency"], attrs["amount"])
        if "expires_in" in attrs and not attrs["pending"]:
            only = ErrorDetail("Only a pending transaction expires.", code="not_pending")
            raise serializers.ValidationError({"expires_in": [only]})
        return attrs


def _with_numbers(value: Any) -> Any:
    """Metadata with its numbers as numbers again: the parser keeps all but small integers as
    text, which is for amounts."""
    match value:
        case NumberText():
            number = float(value)
            if not math.isfinite(number) or value.lstrip("-").isdigit():
                raise serializers.ValidationError(
                    "Send numbers of more than 18 digits as strings.", code="number_too_large"
                )
            return number
        case dict():
            return {name: _with_numbers(inner) for name, inner in value.items()}
        case list():
            return [_with_numbers(inner) for inner in value]
        case _:
            return value


class PayingBody(MovementBody):
    """A movement out of a user's balance, which the caller can guard. What pays for a deposit is
    an account of the house, whose version and amount are nobody's business."""

    expected_version = WholeNumberField(min_value=0, max_value=MAX_WHOLE, default=None)
    min_balance_after = AmountField(default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        least = attrs["min_balance_after"]
        if least is not None:
            attrs["min_balance_after"] = least_in(attrs["currency"], least, "min_balance_after")
        return attrs


class TransferBody(PayingBody):
    to_user_id = IdField()
    from_user_id = IdField(required=False)  # staff only


class DepositBody(MovementBody):
    user_id = IdField(required=False)  # staff only


class PayoutBody(PayingBody):
    user_id = IdField(required=False)  # staff only


class CaptureBody(StrictSerializer):
    """`amount` is of the pending transaction's currency; all of it when left out."""

    amount = AmountField(default=None)
    dry_run = FlagField(default=False)


class CancelBody(StrictSerializer):
    dry_run = FlagField(default=False)


class ReverseBody(CaptureBody):
    reason = TextField(max_length=DESCRIPTION_MAX_LENGTH)
    allow_overdraft = FlagField(default=False)  # staff only


class BatchBody(StrictSerializer):
    """Items are validated one by one, by the body of their type."""

    mode = serializers.ChoiceField(["independent", "atomic"], default="independent")
    transactions = serializers.ListField(min_length=1, max_length=MAX_BATCH_SIZE)
    dry_run = FlagField(default=False)


class BatchTransfer(TransferBody):
    type = serializers.ChoiceField([TransactionType.TRANSFER])
    idempotency_key = IdempotencyKeyField(default=None)


class BatchDeposit(DepositBody):
    type = serializers.ChoiceField([TransactionType.DEPOSIT])
    idempotency_key = IdempotencyKeyField(default=None)


class BatchWithdrawal(PayoutBody):
    type = serializers.ChoiceField([TransactionType.WITHDRAWAL])
    idempotency_key = IdempotencyKeyField(default=None)


BATCH_ITEMS: dict[str, type[StrictSerializer]] = {
    TransactionType.TRANSFER: BatchTransfer,
    TransactionType.DEPOSIT: BatchDeposit,
    TransactionType.WITHDRAWAL: BatchWithdrawal,
}


def read_batch_items(items: list[Any]) -> list[dict[str, Any]]:
    """Each item, validated. Raises a ValidationError that names the bad ones by their index."""
    valid: list[dict[str, Any]] = []
    errors: dict[str, Any] = {}
    for index, item in enumerate(items):
        kind = item.get("type") if isinstance(item, dict) else None
        body = BATCH_ITEMS.get(kind, BatchTransfer) if isinstance(kind, str) else BatchTransfer
        try:
            valid.append(body.read(item))
        except serializers.ValidationError as error:
            errors[str(index)] = error.detail
    if errors:
        raise serializers.ValidationError({"transactions": errors})
    return valid


class TransactionQuery(PageQuery):
    """The filters of the list; `min_amount` and `max_amount` are amounts of `currency`."""

    type = OneOfField(TransactionType.values, required=False)
    status = OneOfField(TransactionStatus.values, required=False)
    currency = CurrencyField(default=None)
    direction = OneOfField(["in", "out"], required=False)
    reference = serializers.CharField(max_length=REFERENCE_MAX_LENGTH, required=False)
    counterparty = QueryIdField(required=False)
    reverses = serializers.UUIDField(required=False)
    user_id = QueryIdField(required=False)
    min_amount = AmountField(required=False)
    max_amount = AmountField(required=False)

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {
            "from": MomentField(required=False),
            "to": MomentField(required=False),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("min_amount", "max_amount"):
            if name not in attrs:
                continue
            if attrs["currency"] is None:
                needed = ErrorDetail(f"Say which currency `{name}` is in.", code="required")
                raise serializers.ValidationError({"currency": [needed]})
            attrs[name] = amount_in(attrs["currency"], attrs[name], name)
        return attrs
