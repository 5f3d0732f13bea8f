"""What staff do in the back-office: how an action is shown, tried out and carried out."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import Model
from django.urls import reverse

from balances.money import money
from ledgerlink.admin import number_of
from ledgerlink.errors import LedgerError
from transactions import approvals
from transactions.admin_forms import ActionForm, TransactionForm
from transactions.admin_seen import Sight
from transactions.asked import Asked
from transactions.errors import PostingRefused
from transactions.idempotency import answer_once
from transactions.instructions import Answer, Idempotency, Order, Seen, Unit, UnitOutcome
from transactions.limits import Standing
from transactions.models import Transaction
from transactions.processor import submit, try_out
from users.actors import Actor
from users.models import User
from users.queries import existing_users

Cleaned = Mapping[str, Any]
CREATED = 201


@dataclass(frozen=True, slots=True)
class Done:
    """Where to look at it; `replayed` when the same form had done it before."""

    address: str
    replayed: bool


class Action(ABC):
    """`name` is in its address, `verb` on the button that does it, `done` what is said then."""

    name: ClassVar[str]
    title: ClassVar[str]
    verb: ClassVar[str]
    done: ClassVar[str]
    icon: ClassVar[str]
    explanation: ClassVar[str]
    form: ClassVar[type[ActionForm]]
    heading: ClassVar[str] = "What the balances would be"

    def new_form(self, **options: Any) -> ActionForm:
        return self.form(**options)

    def chosen(self, form: ActionForm, by: Actor) -> "Action":
        """The action that a form filled in like this is about; may add errors to it."""
        return self

    @abstractmethod
    def initial(self, query: Mapping[str, str]) -> dict[str, Any]:
        """What the form is filled in with when it is first shown."""

    @abstractmethod
    def subject(self, cleaned: Cleaned) -> str:
        """The amount, or the balance, that it is about."""

    @abstractmethod
    def sentence(self, cleaned: Cleaned) -> str:
        """What is about to be done with it."""

    def about(self) -> str:
        """What there is already that it is done to, as a sentence."""
        return ""

    @abstractmethod
    def back(self, query: Mapping[str, str]) -> str:
        """The page to go back to without doing it; it was come from with this query."""

    def facts(self, cleaned: Cleaned) -> list[tuple[str, str]]:
        named = (("Description", "description"), ("Reference", "reference"), ("Reason", "reason"))
        return [(label, cleaned[name]) for label, name in named if cleaned.get(name)]

    @abstractmethod
    def button(self, cleaned: Cleaned) -> str: ...

    @abstractmethod
    def foresee(self, cleaned: Cleaned, by: Actor, key: Idempotency) -> UnitOutcome:
        """What would come of it now."""

    def limit(self, cleaned: Cleaned) -> Standing | None:
        """The limit that it would change, as it stands now."""
        return None

    def may_wait(self, refusal: LedgerError) -> bool:
        """Whether it can be done although it would be refused now."""
        return False

    @abstractmethod
    def carry_out(self, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Sight) -> Done:
        """Raises a LedgerError: VersionConflict when a balance, or the limit, is no longer as it
        was seen, and then nothing is kept."""


class Posting(Action):
    """Done at once, by one person: an order to the posting engine."""

    @abstractmethod
    def order(self, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Seen | None) -> Order: ...

    def button(self, cleaned: Cleaned) -> str:
        return f"{self.verb} {self.subject(cleaned)}"

    def foresee(self, cleaned: Cleaned, by: Actor, key: Idempotency) -> UnitOutcome:
        return try_out(Unit([self.order(cleaned, by, key, None)]))

    def carry_out(self, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Sight) -> Done:
        (outcome,) = submit(Unit([self.order(cleaned, by, key, seen.versions)])).outcomes
        if outcome.error is not None:
            raise outcome.error
        assert outcome.transaction is not None
        return Done(page_of(outcome.transaction), outcome.replayed)


class Asking(Action):
    """Asked for by one person; somebody else must approve it."""

    verb = "Ask for approval"
    done = "asked for: somebody else must approve it"
    heading = "What the balances would be if it were approved now"

    @abstractmethod
    def asked(self, cleaned: Cleaned) -> Asked: ...

    def button(self, cleaned: Cleaned) -> str:
        return self.verb

    def foresee(self, cleaned: Cleaned, by: Actor, key: Idempotency) -> UnitOutcome:
        return approvals.foresee(asked=self.asked(cleaned), reason=cleaned["reason"], by=by)

    def may_wait(self, refusal: LedgerError) -> bool:
        return isinstance(refusal, PostingRefused)

    def carry_out(self, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Sight) -> Done:
        def ask() -> Answer:
            made = approvals.request_approval(
                asked=self.asked(cleaned),
                reason=cleaned["reason"],
                by=by,
                seen=seen.versions,
                limit_version=seen.limit_version,
            )
            return Answer(CREATED, json.dumps({"id": str(made.pk)}))

        answer, replayed = answer_once(by, key, ask)
        page = reverse("admin:transactions_approval_change", args=[json.loads(answer.body)["id"]])
        return Done(page, replayed)


class CustomerAction(Action):
    """About one balance of a user, who is chosen in the form."""

    def initial(self, query: Mapping[str, str]) -> dict[str, Any]:
        named = existing_users({}).filter(pk=number_of(query.get("user", "")) or 0)
        return {
            "customer": named.values_list("username", flat=True).first() or "",
            "currency": query.get("currency", settings.DEFAULT_CURRENCY),
        }

    def back(self, query: Mapping[str, str]) -> str:
        number = number_of(query.get("user", ""))
        if number is None:
            return reverse("admin:users_user_changelist")
        return reverse("admin:users_user_change", args=[number])


class TransactionAction(Action):
    """About a transaction that is there, with its parties."""

    form: ClassVar[type[TransactionForm]]

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction

    def new_form(self, **options: Any) -> ActionForm:
        return self.form(subject=self.transaction, **options)

    @abstractmethod
    def unavailable(self) -> str:
        """Why it can't be done to this transaction any more, or nothing."""

    def about(self) -> str:
        t = self.transaction
        return f"{t.get_type_display()} of {money(t.amount, t.currency)} {self.parties()}."

    def back(self, query: Mapping[str, str]) -> str:
        return page_of(self.transaction)

    def parties(self) -> str:
        source, destination = self.transaction.source, self.transaction.destination
        return f"from {source.owner_name} to {destination.owner_name}"


def page_of(subject: Model) -> str:
    meta = subject._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[subject.pk])


def named(user: User) -> str:
    return f"{user.username} ({user.email or 'no e-mail address'}, user no. {user.pk})"
