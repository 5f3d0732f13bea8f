"""Where the actions are offered: on the pages of users, balances and transactions."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from balances.enums import BalanceStatus
from balances.freezes import FROZEN
from balances.models import Balance
from ledgerlink.dossier import Deed, deeds
from transactions.admin_actions import CustomerAction, TransactionAction
from transactions.admin_holding_back import ChangeFreeze, ChangeLimit
from transactions.admin_movements import Cancel, Capture, Deposit, Withdraw
from transactions.admin_requests import Adjust, Reverse
from transactions.enums import TransactionStatus, TransactionType
from transactions.models import Transaction, TransactionLimit
from users.models import User
from users.roles import Capability

CUSTOMER_ACTIONS: tuple[type[CustomerAction], ...] = (
    Deposit,
    Withdraw,
    Adjust,
    ChangeFreeze,
    ChangeLimit,
)
TRANSACTION_ACTIONS: tuple[type[TransactionAction], ...] = (Capture, Cancel, Reverse)


def may_move_money(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.can(Capability.MOVE_ANY_MONEY)


@deeds("user")
def deeds_for_user(request: HttpRequest, user: User) -> Sequence[Deed]:
    if user.deleted_at is not None or not may_move_money(request):
        return []
    return [_deed(action, user=user.pk) for action in (Deposit, ChangeLimit)]


@deeds("balance")
def deeds_for_balance(request: HttpRequest, balance: Balance) -> Sequence[Deed]:
    is_closed = balance.status == BalanceStatus.CLOSED
    if balance.user_id is None or is_closed or not may_move_money(request):
        return []
    about: dict[str, Any] = {"user": balance.user_id, "currency": balance.currency}
    status = balance.status_at(timezone.now())
    freeze = _deed(ChangeFreeze, "Freeze", **about)
    if status in FROZEN:
        freeze = _deed(ChangeFreeze, "Unfreeze", status=BalanceStatus.ACTIVE.value, **about)
    return [*(_deed(action, **about) for action in _MOVEMENTS[status]), freeze]


# What the balance does not refuse.
_MOVEMENTS: dict[BalanceStatus, tuple[type[CustomerAction], ...]] = {
    BalanceStatus.ACTIVE: (Deposit, Withdraw, Adjust),
    BalanceStatus.DEBITS_FROZEN: (Deposit, Adjust),  # to credit
    BalanceStatus.FROZEN: (),
}


@deeds("limit")
def deeds_for_limit(request: HttpRequest, limit: TransactionLimit) -> Sequence[Deed]:
    if not may_move_money(request):
        return []
    whose = {"role": limit.role} if limit.user_id is None else {"user": limit.user_id}
    return [_deed(ChangeLimit, currency=limit.currency, **whose)]


def _deed(action: type[CustomerAction], label: str = "", **query: object) -> Deed:
    address = reverse(f"admin:transactions_transaction_{action.name}", query=query)
    return Deed(label or action.title, address, action.icon)


@deeds("transaction")
def deeds_for_transaction(request: HttpRequest, transaction: Transaction) -> Sequence[Deed]:
    if not may_move_money(request):
        return []
    offered: tuple[type[TransactionAction], ...] = ()
    if transaction.status == TransactionStatus.PENDING:
        offered = (Capture, Cancel)
    elif (
        transaction.status == TransactionStatus.COMPLETED
        and transaction.type != TransactionType.REVERSAL
    ):
        offered = (Reverse,)
    return [
        Deed(
            action.title,
            reverse(f"admin:transactions_transaction_{action.name}", args=[transaction.pk]),
            action.icon,
        )
        for action in offered
    ]
