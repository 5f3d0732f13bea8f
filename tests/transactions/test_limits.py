"""How much users may send, judged under the posting engine's locks."""

import re
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import AuditLog
from balances.money import parse_amount
from tests.books import (
    amount_of,
    assert_books_are_sound,
    deposit,
    fund,
    idempotency,
    post_one,
    post_refused,
    transfer,
    withdrawal,
)
from tests.clock import Clock, utc
from tests.concurrency import at_once
from transactions.errors import AmountLimitExceeded, DailyLimitExceeded
from transactions.instructions import Settlement
from transactions.limits import set_limit
from transactions.models import TransactionLimit
from transactions.processor import post_directly
from transactions.queries import key_at
from users.actors import Actor
from users.models import User
from users.roles import Role

pytestmark = pytest.mark.django_db
BY = Actor.system("tests")


def limit(subject: User | Role, *, once: str | None = None, day: str | None = None) -> None:
    minor = [None if amount is None else parse_amount(amount, "USD") for amount in (once, day)]
    set_limit(subject=subject, currency="USD", per_transaction=minor[0], per_day=minor[1], by=BY)


def by(user: User) -> dict[str, Any]:
    return {"actor": Actor.of(user)}


def test_amount_above_the_limit_of_one_transaction_is_refused(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    limit(alice, once="10.00")
    assert post_one(transfer(alice, bob, "10.00", **by(alice))).error is None
    post_refused(transfer(alice, bob, "10.01", **by(alice)), AmountLimitExceeded)
    post_refused(withdrawal(alice, "10.01", **by(alice)), AmountLimitExceeded)
    assert post_one(deposit(alice, "1000.00", **by(alice))).error is None


def test_refusal_of_the_day_tells_what_is_left(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    limit(alice, day="25.00")
    post_one(transfer(alice, bob, "10.00", **by(alice)))
    post_one(withdrawal(alice, "10.00", **by(alice)))
    refused = post_one(transfer(alice, bob, "5.01", **by(alice))).error
    assert isinstance(refused, DailyLimitExceeded)
    assert refused.extra == {"limit": "25.00", "remaining": "5.00"}
    assert post_one(transfer(alice, bob, "5.00", **by(alice))).error is None


def test_limit_counts_what_the_same_batch_sends_and_not_what_a_group_undid(
    alice: User, bob: User
) -> None:
    fund(alice, "100.00")
    limit(alice, day="25.00")
    failing = [
        transfer(alice, bob, "20.00", group="g", **by(alice)),
        transfer(alice, bob, "20.00", group="g", **by(alice)),
    ]
    single = [transfer(alice, bob, "10.00", **by(alice)) for _ in range(3)]
    outcomes = post_directly([*failing, *single])
    codes = [o.error.code if o.error else None for o in outcomes]
    assert codes == ["group_refused", "daily_limit_exceeded", None, None, "daily_limit_exceeded"]
    assert_books_are_sound()


def test_pending_counts_while_it_holds_and_no_longer_once_cancelled(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    limit(alice, day="10.00")
    until = timezone.now() + timedelta(hours=1)
    held = post_one(transfer(alice, bob, "10.00", expires_at=until, **by(alice)))
    assert held.transaction is not None
    assert post_one(transfer(alice, bob, "1.00", **by(alice))).error is not None
    cancel = Settlement(transaction_id=held.transaction.pk, capture_amount=0, actor=BY)
    assert post_directly([cancel])[0].error is None
    assert post_one(transfer(alice, bob, "10.00", **by(alice))).error is None


def test_yesterdays_payments_do_not_count_today(alice: User, bob: User) -> None:
    """Keys are ordered by time, so the day begins at a key: an old one lies before it, and not by
    those minutes that a transaction may have waited."""
    fund(alice, "100.00")
    limit(alice, day="10.00")
    yesterday = int((timezone.now() - timedelta(hours=25)).timestamp() * 1000)
    old = transfer(alice, bob, "10.00", **by(alice))
    key = old.id.int & ((1 << 80) - 1) | yesterday << 80
    fields = {name: getattr(old, name) for name in old.__slots__}
    post_one(type(old)(**{**fields, "id": type(old.id)(int=key)}))
    assert post_one(transfer(alice, bob, "10.00", **by(alice))).error is None


def test_own_limit_stands_before_the_roles_and_other_currencies_are_free(
    alice: User, bob: User
) -> None:
    for user in (alice, bob):
        fund(user, "100.00")
        fund(user, "100.00", "EUR")
    limit(Role.USER, once="1.00")
    limit(alice, once="5.00")
    assert post_one(transfer(alice, bob, "5.00", **by(alice))).error is None
    post_refused(transfer(bob, alice, "5.00", **by(bob)), AmountLimitExceeded)
    assert post_one(transfer(bob, alice, "5.00", "EUR", **by(bob))).error is None


def test_staff_is_bound_by_the_payers_limit_and_commands_are_not(
    alice: User, bob: User, finance: User
) -> None:
    fund(alice, "100.00")
    limit(alice, once="1.00")
    post_refused(withdrawal(alice, "5.00", **by(finance)), AmountLimitExceeded)
    assert post_one(withdrawal(alice, "5.00")).error is None
    one_batch = [transfer(alice, bob, "1.00", **by(alice)), withdrawal(alice, "5.00")]
    assert [outcome.error for outcome in post_directly(one_batch)] == [None, None]


def test_refusal_by_a_limit_is_replayed(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    limit(alice, once="1.00")
    first, again = (
        post_one(transfer(alice, bob, "5.00", idempotency=idempotency("k"), **by(alice)))
        for _ in range(2)
    )
    limit(alice)
    assert again.replayed
    assert isinstance(first.error, AmountLimitExceeded)
    assert type(again.error) is type(first.error)


@pytest.mark.django_db(transaction=True)
def test_day_is_not_exceeded_by_payments_at_once(alice: User, bob: User) -> None:
    fund(alice, "1000.00")
    limit(alice, day="50.00")
    asked = [transfer(alice, bob, "10.00", **by(alice)) for _ in range(12)]
    results = at_once([partial(post_one, one) for one in asked])
    told = Counter(
        result.error.code if result.error else None
        for result in results
        if not isinstance(result, Exception)
    )
    assert told == {None: 5, "daily_limit_exceeded": 7}
    assert amount_of(bob) == 5_000


def test_set_limit_is_recorded_in_the_audit_trail(alice: User) -> None:
    call_command("set_limit", user="ALICE", per_day="10.00")
    call_command("set_limit", user="alice", per_transaction="0", per_day="20.00")
    newest = AuditLog.objects.filter(action="limit.changed").latest("id")
    assert newest.actor_name == "set_limit"
    assert newest.details == {
        "of": "alice",
        "currency": "USD",
        "changes": {"per_transaction": [None, "0.00"], "per_day": ["10.00", "20.00"]},
    }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"user": "nobody", "per_day": "1.00"}, "There is no user 'nobody'."),
        ({"role": "user", "per_day": "1.005"}, "--per-day: USD has 2 decimals; the amount has 3."),
        ({"role": "user", "per_transaction": "-1"}, "--per-transaction: A limit can't be less"),
        ({"role": "user", "per_day": "1e3"}, "--per-day: Write the amount as a plain decimal"),
        ({"role": "user", "per_day": "1", "currency": "XXX"}, "Give an ISO 4217 code"),
        ({"role": "user"}, "Give --per-transaction, --per-day or both, or --remove"),
        ({"role": "user", "per_day": "1", "remove": True}, "Give --per-transaction, --per-day or"),
    ],
)
def test_set_limit_refuses_what_it_cannot_understand(options: dict[str, Any], told: str) -> None:
    with pytest.raises(CommandError, match=re.escape(told)):
        call_command("set_limit", **options)
    assert not TransactionLimit.objects.exists()


def test_set_limit_removes_a_limit_when_told_to(
    alice: User, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("set_limit", user="alice", per_day="10.00")
    call_command("set_limit", user="alice", remove=True)
    kept = TransactionLimit.objects.get()
    assert (kept.per_transaction, kept.per_day) == (None, None)
    assert capsys.readouterr().out.splitlines() == [
        "Set the limit of alice in USD.",
        "Removed the limit of alice in USD.",
    ]


def test_what_was_asked_before_midnight_and_posted_after_counts_for_the_new_day(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(alice, "100.00")
    limit(alice, day="10.00")
    midnight = utc("2030-01-02 00:00")
    Clock(monkeypatch, midnight + timedelta(seconds=1))
    asked_before = key_at(midnight, -timedelta(seconds=5))
    post_one(transfer(alice, bob, "10.00", id=asked_before, **by(alice)))
    post_refused(transfer(alice, bob, "0.01", **by(alice)), DailyLimitExceeded)
