"""What is asked for, and agreed to, in tests of approvals."""

from typing import Any

from balances.enums import BalanceStatus
from balances.money import parse_amount
from transactions.approval_model import Approval
from transactions.approvals import (
    Decision,
    approve,
    request_approval,
)
from transactions.asked import (
    Adjustment,
    Asked,
    Direction,
    Freeze,
)
from users.actors import Actor
from users.models import User


def adjustment(of: User, amount: str, direction: str = "credit", **fields: Any) -> Adjustment:
    return Adjustment(
        user_id=of.pk,
        currency="USD",
        amount=parse_amount(amount, "USD"),
        direction=Direction(direction),
        **fields,
    )


def ask(by: User, asked: Asked) -> Approval:
    return request_approval(asked=asked, reason="booked twice", by=Actor.of(by))


def agree(approval: Approval, by: User, **fields: Any) -> Decision:
    return approve(approval_id=approval.pk, by=Actor.of(by), **fields)


def stored(approval: Approval) -> Approval:
    return Approval.objects.get(pk=approval.pk)


def freeze(user: User, status: BalanceStatus = BalanceStatus.FROZEN, **fields: Any) -> Freeze:
    return Freeze(user_id=user.pk, currency="USD", status=status, **fields)
