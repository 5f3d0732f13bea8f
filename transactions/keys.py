"""What becomes of idempotency keys while a batch is posted."""

from dataclasses import replace

from transactions import errors
from transactions.book import Book, NewKey, UsedKey
from transactions.instructions import Idempotency, Order, Outcome, Unit, UnitOutcome
from transactions.representation import answer_of_outcome


def replayed_unit(unit: Unit, used: UsedKey) -> UnitOutcome:
    assert unit.idempotency is not None
    if used.fingerprint != unit.idempotency.fingerprint:
        return UnitOutcome([], error=_key_reused())
    return UnitOutcome([], used.answer, replayed=True)


def replayed(asked: Idempotency, used: UsedKey) -> Outcome:
    if asked.fingerprint != used.fingerprint or used.outcome is None:
        return Outcome(None, _key_reused())
    return replace(used.outcome, answer=used.answer, replayed=True)


def _key_reused() -> errors.IdempotencyKeyReused:
    return errors.IdempotencyKeyReused(
        "This idempotency key was used with another request. Use a new key."
    )


def keep_key(book: Book, order: Order, outcome: Outcome) -> None:
    """A key is used up by a transaction, and by a refusal that says something of the order. One
    that is about the caller leaves it free; so does one that a command gets, which is repeated
    when what it lacked is there."""
    asked = order.idempotency
    if asked is None:
        return
    made = None if outcome.transaction is None else outcome.transaction.pk
    if made is None and not (asked.keep_answer and isinstance(outcome.error, _ABOUT_THE_ORDER)):
        return
    answer = answer_of_outcome(outcome, order.actor) if asked.keep_answer else None
    use_key(book, NewKey(order.actor.scope, asked, made, answer), outcome)


_ABOUT_THE_ORDER = (errors.UnknownParty, errors.SelfTransfer)


def use_key(book: Book, new: NewKey, outcome: Outcome | None) -> None:
    book.new_keys.append(new)
    key = new.scope, new.idempotency.key
    book.used_keys[key] = UsedKey(new.idempotency.fingerprint, new.answer, outcome)
