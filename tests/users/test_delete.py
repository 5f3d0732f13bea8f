"""Deletion is soft, and never strands money."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections
from django.db.transaction import atomic
from django.utils import timezone

from audit.models import AuditLog
from balances.accounts import Account
from balances.enums import BalanceStatus, House
from balances.models import Balance
from balances.signals import balances_changed
from tests.api.client import API, Api, assert_problem, body_of, change_balance
from tests.books import (
    PASSWORD,
    amount_of,
    assert_books_are_sound,
    balance_of,
    deposit,
    fund,
    make_user,
    post_one,
    transfer,
    withdrawal,
)
from tests.concurrency import PATIENCE, at_once
from tests.signals import heard
from transactions.enums import TransactionStatus, TransactionType
from transactions.errors import ActorInactive, UnknownParty
from transactions.instructions import Outcome
from transactions.models import Transaction
from users.accounts import delete_user
from users.actors import Actor
from users.errors import UserHasMoney
from users.models import User
from users.roles import Role
from users.tokens import issue

pytestmark = pytest.mark.django_db


def delete(by: User, user: User) -> Any:
    return Api(by).send("DELETE", f"{API}/users/{user.pk}")


def stored(user: User) -> User:
    return User.objects.get(pk=user.pk)


def empty_balance(user: User, currency: str = "USD") -> Balance:
    """A balance that held money once."""
    fund(user, "10.00", currency)
    post_one(withdrawal(user, "10.00", currency))
    return balance_of(user, currency)


def pending(source: Balance, destination: Balance) -> Transaction:
    now = timezone.now()
    return Transaction.objects.create(
        type=TransactionType.TRANSFER,
        status=TransactionStatus.PENDING,
        authorized_amount=500,
        expires_at=timezone.now(),
        source=source,
        destination=destination,
        amount=500,
        currency="USD",
        created_at=now,
        effective_at=now,
    )


def test_deleted_user_stays_in_the_table_and_is_gone(alice: User) -> None:
    token = issue(alice).refresh
    response = delete(alice, alice)
    assert (response.status_code, response.content) == (204, b"")
    kept = stored(alice)
    assert kept.deleted_at is not None
    assert not kept.is_active
    login = {"username": "alice", "password": PASSWORD}
    assert_problem(Api().post(f"{API}/auth/login", login), 401, "invalid_credentials")
    refreshed = Api().post(f"{API}/auth/refresh", {"refresh": token})
    assert_problem(refreshed, 401, "invalid_token")


@pytest.mark.django_db(transaction=True)
def test_deletion_ends_access_tokens_at_once() -> None:
    alice = make_user("alice")
    api = Api(alice)
    assert api.send("DELETE", f"{API}/users/{alice.pk}").status_code == 204
    assert_problem(api.get(f"{API}/users/me"), 401, "invalid_token")


def test_name_and_email_become_free_again(admin: User, alice: User) -> None:
    delete(admin, alice)
    body = {"username": "Alice", "email": "alice@example.com", "password": "blue-Whale-77"}
    response = Api().post(f"{API}/users", body)
    assert response.status_code == 201
    assert body_of(response)["id"] != alice.pk


def test_last_admin_cannot_be_deleted(admin: User) -> None:
    make_user("former-admin", Role.ADMIN, is_active=False)
    problem = assert_problem(delete(admin, admin), 409, "last_admin")
    assert problem["detail"] == "Make somebody else an administrator first."
    assert stored(admin).deleted_at is None
    make_user("other-admin", Role.ADMIN)
    assert delete(admin, admin).status_code == 204


def test_deletion_is_audited(admin: User, alice: User) -> None:
    delete(admin, alice)
    row = AuditLog.objects.get()
    assert (row.action, row.actor_id) == ("user.deleted", str(admin.pk))
    assert (row.entity_id, row.details) == (str(alice.pk), {"username": "alice"})


def test_empty_balances_are_closed(alice: User) -> None:
    before = [empty_balance(alice, currency) for currency in ("EUR", "USD")]
    assert delete(alice, alice).status_code == 204
    for old in before:
        closed = balance_of(alice, old.currency)
        assert closed.status == BalanceStatus.CLOSED
        assert (closed.version, closed.entry_count) == (old.version + 1, old.entry_count)
        assert (closed.amount, closed.held) == (0, 0)
        assert closed.updated_at > old.updated_at
    assert_books_are_sound()


def test_closing_is_told_as_it_was_written(alice: User) -> None:
    """To the cache, and to whoever else listens."""
    for currency in ("EUR", "USD"):
        empty_balance(alice, currency)
    change_balance(alice, status=BalanceStatus.FROZEN, freeze_reason="card stolen")
    with heard(balances_changed) as changes:
        delete(alice, alice)
    (told,) = changes
    accounts = [Account.of(balance_of(alice, currency)) for currency in ("EUR", "USD")]
    assert {account.status for account in accounts} == {BalanceStatus.CLOSED}
    assert (told["accounts"], told["entries"]) == (accounts, [])
    assert told["at"] == accounts[0].updated_at == stored(alice).deleted_at


@pytest.mark.django_db(transaction=True)
def test_cached_balances_are_closed_as_well() -> None:
    alice, auditor = make_user("alice"), Api(make_user("auditor", Role.AUDITOR))
    empty_balance(alice)

    def shown() -> Any:
        body = body_of(auditor.get(f"{API}/balances/current", user_id=alice.pk, currency="USD"))
        return body["status"], body["version"]

    assert shown() == ("active", 2)
    delete_user(user_id=alice.pk, by=Actor.of(alice))
    assert shown() == ("closed", 3)


def test_user_with_money_is_not_deleted(admin: User, alice: User) -> None:
    fund(alice, "0.01")
    empty_balance(alice, "EUR")
    for by in (alice, admin):
        assert_problem(delete(by, alice), 409, "user_has_money")
    assert stored(alice).deleted_at is None
    assert {balance.status for balance in alice.balances.all()} == {"active"}


def test_user_in_debt_is_not_deleted(alice: User) -> None:
    empty_balance(alice)
    change_balance(alice, overdraft_limit=1000)
    post_one(withdrawal(alice, "5.00"))
    assert_problem(delete(alice, alice), 409, "user_has_money")


def test_user_with_held_money_is_not_deleted(alice: User) -> None:
    empty_balance(alice)
    change_balance(alice, overdraft_limit=1000, held=500)
    assert_problem(delete(alice, alice), 409, "user_has_money")


@pytest.mark.parametrize("incoming", [True, False])
def test_user_with_a_pending_transaction_is_not_deleted(
    alice: User, bob: User, *, incoming: bool
) -> None:
    balances = [empty_balance(bob), empty_balance(alice)]
    waiting = pending(*(balances if incoming else reversed(balances)))
    assert_problem(delete(alice, alice), 409, "user_has_money")
    Transaction.objects.filter(pk=waiting.pk).update(status=TransactionStatus.CANCELLED)
    assert delete(alice, alice).status_code == 204


def test_transfer_to_a_deleted_user_is_refused(alice: User, bob: User) -> None:
    fund(bob, "10.00")
    empty_balance(alice)
    delete(alice, alice)
    for currency in ("USD", "EUR"):
        outcome = post_one(transfer(bob, alice, "1.00", currency))
        assert isinstance(outcome.error, UnknownParty)
    assert amount_of(bob) == 1000
    assert_books_are_sound()


Result = Outcome | None | Exception


@pytest.mark.parametrize("first", [True, False], ids=["first balance", "open balance"])
@pytest.mark.django_db(transaction=True)
def test_deletion_while_money_comes_in(*, first: bool) -> None:
    """Either the money arrives and the user stays, or the user goes and the money is refused."""
    bob = make_user("bob")
    fund(bob, "100.00")
    for number in range(8):
        alice = make_user(f"alice{number}")
        if not first:
            empty_balance(alice)
        results: list[Result] = at_once(
            [
                partial(delete_user, user_id=alice.pk, by=Actor.of(alice)),
                partial(post_one, transfer(bob, alice, "1.00")),
                partial(post_one, deposit(alice, "2.00")),
            ]
        )
        deleted, *posted = results
        came_in = [isinstance(result, Outcome) and result.error is None for result in posted]
        if stored(alice).deleted_at is None:
            assert isinstance(deleted, UserHasMoney)
            assert came_in == [True, True]
            assert amount_of(alice) == 300
        else:
            assert deleted is None
            assert came_in == [False, False]
            assert amount_of(alice) == 0
            for result in posted:
                assert isinstance(result, Outcome)
                assert isinstance(result.error, UnknownParty)
    assert_books_are_sound()


@pytest.mark.django_db(transaction=True)
def test_deletion_while_the_user_sends_the_last_money() -> None:
    """The posting engine locks the balance and then, for the foreign key of who asked, the user;
    the deletion the other way round. A deadlock is tried again."""
    bob = make_user("bob")
    for number in range(8):
        alice = make_user(f"alice{number}")
        fund(alice, "1.00")
        sending = transfer(alice, bob, "1.00", actor=Actor.of(alice))
        results: list[Result] = at_once(
            [
                partial(delete_user, user_id=alice.pk, by=Actor.of(alice)),
                partial(post_one, sending),
            ]
        )
        deleted, sent = results
        assert isinstance(sent, Outcome)
        assert sent.error is None
        assert deleted is None or isinstance(deleted, UserHasMoney)
        assert (stored(alice).deleted_at is not None) == (deleted is None)
    assert amount_of(bob) == 800
    assert_books_are_sound()


@pytest.mark.django_db(transaction=True)
def test_money_waits_for_a_deletion_that_has_begun() -> None:
    """The deletion has locked and closed but not committed when the deposit asks for its locks."""
    alice = make_user("alice")
    empty_balance(alice)
    closed, posting = threading.Event(), threading.Event()

    def deleting() -> None:
        with atomic():
            delete_user(user_id=alice.pk, by=Actor.of(alice))
            closed.set()
            assert posting.wait(PATIENCE)
        connections.close_all()

    def announce(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith("BEGIN") or "FOR UPDATE" in sql:
            posting.set()
        return execute(sql, *args)

    with ThreadPoolExecutor(1) as pool:
        deletion = pool.submit(deleting)
        assert closed.wait(PATIENCE)
        with connection.execute_wrapper(announce):
            outcome = post_one(deposit(alice, "1.00"))
        deletion.result(PATIENCE)
    assert isinstance(outcome.error, UnknownParty)
    assert amount_of(alice) == 0
    assert_books_are_sound()


def test_deleted_user_moves_nothing(alice: User, bob: User) -> None:
    fund(bob, "10.00")
    delete(alice, alice)
    outcome = post_one(transfer(bob, alice, "1.00", actor=Actor.of(alice)))
    assert isinstance(outcome.error, ActorInactive)
    assert amount_of(House.EXTERNAL) == -1000
