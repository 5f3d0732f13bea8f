"""What staff do to money in the back-office: for each action its form, its order to the posting
engine, and its words."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from balances.enums import House
from balances.models import Balance
from balances.money import grouped, money
from ledgerlink.admin import number_of
from ledgerlink.dossier import Deed, deeds
from transactions.admin_forms import (
    ActionForm,
    CaptureForm,
    DepositForm,
    TransactionForm,
    WithdrawalForm,
)
from transactions.enums import TransactionStatus, TransactionType
from transactions.instructions import Idempotency, Instruction, Order, Seen, Settlement
from transactions.models import Transaction
from users.actors import Actor
from users.models import User
from users.queries import existing_users
from users.roles import Capability

Cleaned = Mapping[str, Any]


class Action(ABC):
    """`name` is in its address, `verb` on the button that does it, `done` what is said then."""

    name: ClassVar[str]
    title: ClassVar[str]
    verb: ClassVar[str]
    done: ClassVar[str]
    icon: ClassVar[str]
    explanation: ClassVar[str]
    form: ClassVar[type[ActionForm]]

    def new_form(self, **options: Any) -> ActionForm:
        return self.form(**options)

    @abstractmethod
    def initial(self, query: Mapping[str, str]) -> dict[str, Any]:
        """What the form is filled in with when it is first shown."""

    @abstractmethod
    def order(self, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Seen) -> Order: ...

    @abstractmethod
    def amount(self, cleaned: Cleaned) -> str: ...

    @abstractmethod
    def sentence(self, cleaned: Cleaned) -> str:
        """What is about to be done, beside the amount."""

    def facts(self, cleaned: Cleaned) -> list[tuple[str, str]]:
        named = (("Description", "description"), ("Reference", "reference"))
        return [(label, cleaned[name]) for label, name in named if cleaned.get(name)]


class CustomerAction(Action):
    """About one balance of a user, who is chosen in the form."""

    def initial(self, query: Mapping[str, str]) -> dict[str, Any]:
        named = existing_users({}).filter(pk=number_of(query.get("user", "")) or 0)
        return {
            "customer": named.values_list("username", flat=True).first() or "",
            "currency": query.get("currency", settings.DEFAULT_CURRENCY),
        }

    def amount(self, cleaned: Cleaned) -> str:
        return money(cleaned["minor"], cleaned["currency"])


class Deposit(CustomerAction):
    name = "deposit"
    title = "Deposit"
    verb = "Deposit"
    done = "deposited"
    icon = "add_card"
    explanation = "Money that came in from outside, such as a bank transfer, goes to the customer."
    form = DepositForm

    def sentence(self, cleaned: Cleaned) -> str:
        return f"to {_named(cleaned['customer'])}"

    def order(self, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Seen) -> Order:
        return _movement(TransactionType.DEPOSIT, cleaned, by, key, seen)


class Withdraw(CustomerAction):
    name = "withdraw"
    title = "Withdraw"
    verb = "Withdraw"
    done = "withdrawn"
    icon = "payments"
    explanation = "Money of the customer leaves for the world outside, such as their bank."
    form = WithdrawalForm

    def sentence(self, cleaned: Cleaned) -> str:
        return f"from {_named(cleaned['customer'])}"

    def order(self, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Seen) -> Order:
        return _movement(TransactionType.WITHDRAWAL, cleaned, by, key, seen)


def _movement(
    kind: TransactionType, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Seen
) -> Instruction:
    customer = cleaned["customer"].pk
    comes_in = kind == TransactionType.DEPOSIT
    return Instruction(
        type=kind,
        source=House.EXTERNAL if comes_in else customer,
        destination=customer if comes_in else House.EXTERNAL,
        amount=cleaned["minor"],
        currency=cleaned["currency"],
        description=cleaned["description"],
        reference=cleaned["reference"],
        actor=by,
        idempotency=key,
        seen=seen,
    )


class TransactionAction(Action):
    """About a transaction that is there: `subject`, with its parties."""

    form: ClassVar[type[TransactionForm]]

    def __init__(self, subject: Transaction) -> None:
        self.subject = subject

    def new_form(self, **options: Any) -> ActionForm:
        return self.form(subject=self.subject, **options)

    def unavailable(self) -> str:
        """Why it can't be done to this transaction any more, or nothing."""
        if self.subject.status == TransactionStatus.PENDING:
            return ""
        return f"The transaction is {self.subject.status}: it is no longer pending."

    def _parties(self) -> str:
        source, destination = self.subject.source, self.subject.destination
        return f"from {source.owner_name} to {destination.owner_name}"


class Capture(TransactionAction):
    name = "capture"
    title = "Capture"
    verb = "Capture"
    done = "captured"
    icon = "task_alt"
    explanation = "The money that is held moves: all of it, or a part, and the rest is released."
    form = CaptureForm

    def initial(self, query: Mapping[str, str]) -> dict[str, Any]:
        return {"amount": grouped(self.subject.amount, self.subject.currency)}

    def amount(self, cleaned: Cleaned) -> str:
        return money(cleaned["minor"], self.subject.currency)

    def sentence(self, cleaned: Cleaned) -> str:
        held = money(self.subject.amount, self.subject.currency)
        return f"of the {held} that are held, {self._parties()}"

    def order(self, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Seen) -> Order:
        return _settlement(self.subject, cleaned["minor"], by, key, seen)


class Cancel(TransactionAction):
    name = "cancel"
    title = "Cancel"
    verb = "Cancel the hold"
    done = "released"
    icon = "cancel"
    explanation = "No money moves: what is held goes back to the payer's available balance."
    form = TransactionForm

    def initial(self, query: Mapping[str, str]) -> dict[str, Any]:
        return {}

    def amount(self, cleaned: Cleaned) -> str:
        return money(self.subject.amount, self.subject.currency)

    def sentence(self, cleaned: Cleaned) -> str:
        return f"held {self._parties()} are released"

    def order(self, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Seen) -> Order:
        return _settlement(self.subject, 0, by, key, seen)


def _settlement(
    pending: Transaction, minor: int, by: Actor, key: Idempotency, seen: Seen
) -> Settlement:
    return Settlement(
        transaction_id=pending.pk,
        capture_amount=minor,
        actor=by,
        balances=pending.balance_ids,
        idempotency=key,
        seen=seen,
    )


def _named(user: User) -> str:
    return f"{user.username} ({user.email or 'no e-mail address'}, user no. {user.pk})"


CUSTOMER_ACTIONS: tuple[type[CustomerAction], ...] = (Deposit, Withdraw)
TRANSACTION_ACTIONS: tuple[type[TransactionAction], ...] = (Capture, Cancel)


# --- Where they are offered ---


def may_move_money(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.can(Capability.MOVE_ANY_MONEY)


@deeds("user")
def deeds_for_user(request: HttpRequest, user: User) -> Sequence[Deed]:
    if user.deleted_at is not None or not may_move_money(request):
        return []
    return [_deed(Deposit, user=user.pk)]


@deeds("balance")
def deeds_for_balance(request: HttpRequest, balance: Balance) -> Sequence[Deed]:
    if balance.user_id is None or balance.status == "closed" or not may_move_money(request):
        return []
    about = {"user": balance.user_id, "currency": balance.currency}
    return [_deed(action, **about) for action in CUSTOMER_ACTIONS]


def _deed(action: type[CustomerAction], **query: object) -> Deed:
    address = reverse(f"admin:transactions_transaction_{action.name}", query=query)
    return Deed(action.title, address, action.icon)


@deeds("transaction")
def deeds_for_transaction(request: HttpRequest, transaction: Transaction) -> Sequence[Deed]:
    if transaction.status != TransactionStatus.PENDING or not may_move_money(request):
        return []
    return [
        Deed(
            action.title,
            reverse(f"admin:transactions_transaction_{action.name}", args=[transaction.pk]),
            action.icon,
        )
        for action in TRANSACTION_ACTIONS
    ]
