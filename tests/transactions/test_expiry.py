"""What passes with time."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import AuditLog
from tests.books import (
    amount_of,
    assert_books_are_sound,
    balance_of,
    deposit,
    expire,
    fund,
    idempotency,
    post_one,
    transfer,
)
from transactions.enums import TransactionStatus
from transactions.expiry import expire_pending, prune_keys
from transactions.instructions import Idempotency
from transactions.models import IdempotencyKey, Transaction
from users.models import User

pytestmark = pytest.mark.django_db


def hold(payer: User, receiver: User, amount: str, seconds: int) -> Transaction:
    until = timezone.now() + timedelta(seconds=seconds)
    outcome = post_one(transfer(payer, receiver, amount, expires_at=until))
    assert outcome.transaction is not None
    return outcome.transaction


def test_expire_pending_cancels_what_has_expired_and_nothing_else(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    over = [hold(alice, bob, "1.00", 60) for _ in range(2)]
    later = hold(alice, bob, "2.00", 60)
    for transaction in over:
        expire(transaction)
    assert expire_pending() == 2
    assert expire_pending() == 0
    states = {t.pk: t.status for t in Transaction.objects.filter(source=balance_of(alice))}
    assert states == {
        **{t.pk: TransactionStatus.CANCELLED for t in over},
        later.pk: TransactionStatus.PENDING,
    }
    assert balance_of(alice).held == 200
    told = AuditLog.objects.filter(action="transaction.expired").values_list("actor_name")
    assert list(told) == [("expire_pending",), ("expire_pending",)]
    assert_books_are_sound()


def test_expire_pending_stops_when_asked_and_goes_on_the_next_time(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    hold(alice, bob, "1.00", -1)
    assert expire_pending(stops=lambda: True) == 0
    call_command("expire_pending")
    assert balance_of(alice).held == 0


def test_prune_forgets_old_keys_of_clients_and_keeps_those_of_commands(alice: User) -> None:
    post_one(deposit(alice, "1.00", idempotency=idempotency("client")))
    post_one(deposit(alice, "1.00", idempotency=Idempotency("import", "f", keep_answer=False)))
    assert prune_keys(timezone.now() - timedelta(days=1)) == 0
    assert prune_keys(timezone.now() + timedelta(seconds=1)) == 1
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["import"]
    assert Transaction.objects.count() == 2


def test_prune_command_forgets_what_is_older_than_the_setting(alice: User) -> None:
    assert settings.IDEMPOTENCY_KEY_DAYS == 30
    post_one(deposit(alice, "1.00", idempotency=idempotency("client")))
    for days, forgotten in ((29, False), (31, True)):
        used_at = timezone.now() - timedelta(days=days)
        IdempotencyKey.objects.update(created_at=used_at)
        call_command("prune_idempotency_keys")
        assert IdempotencyKey.objects.exists() is not forgotten
    again = post_one(deposit(alice, "1.00", idempotency=idempotency("client")))
    assert not again.replayed
    assert amount_of(alice) == 200


def test_prune_command_forgets_nothing_of_today() -> None:
    with pytest.raises(CommandError):
        call_command("prune_idempotency_keys", days=0)
