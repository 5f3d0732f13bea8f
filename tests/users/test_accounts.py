"""Each write is whole or not at all, and is tried again when it met another."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError
from django.db.transaction import atomic
from django.dispatch import Signal
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from audit.models import AuditLog
from balances.models import Balance
from tests.books import PASSWORD, fund, make_user, post_one, withdrawal
from users.accounts import change_password, create_user, delete_user, update_user
from users.actors import Actor
from users.collisions import ATTEMPTS, retry_collisions
from users.errors import InvalidCredentials
from users.models import User
from users.signals import login_failed, user_changed, user_deleting, users_created
from users.tokens import issue, log_in, log_out, rotate

BY = Actor.system("tests")
NEW = "green-Whale-78"


class Broken(Exception):
    pass


@contextmanager
def failing(signal: Signal) -> Iterator[None]:
    def fail(**_kwargs: Any) -> None:
        raise Broken

    signal.connect(fail)
    try:
        yield
    finally:
        signal.disconnect(fail)


def everything() -> list[Any]:
    models = (User, Balance, OutstandingToken, BlacklistedToken, AuditLog)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


@pytest.mark.django_db
def test_failing_receiver_undoes_the_write(alice: User) -> None:
    fund(alice, "1.00")
    post_one(withdrawal(alice, "1.00"))
    token = issue(alice).refresh
    writes: list[tuple[Signal, Callable[[], Any]]] = [
        (
            users_created,
            lambda: create_user(username="bob", email="b@example.com", password=NEW, by=BY),
        ),
        (user_changed, lambda: update_user(user_id=alice.pk, changes={"username": "new"}, by=BY)),
        (user_changed, lambda: update_user(user_id=alice.pk, changes={"is_active": False}, by=BY)),
        (
            user_changed,
            lambda: change_password(
                user_id=alice.pk, current_password=PASSWORD, new_password=NEW, by=BY
            ),
        ),
        (user_deleting, lambda: delete_user(user_id=alice.pk, by=BY)),
        (user_changed, lambda: delete_user(user_id=alice.pk, by=BY)),
        (user_changed, lambda: log_in(identifier="alice", password=PASSWORD, by=BY)),
        (login_failed, lambda: log_in(identifier="alice", password="wrong", by=BY)),
        (user_changed, lambda: log_out(token)),
    ]
    before = everything()
    for signal, write in writes:
        with failing(signal), pytest.raises(Broken):
            write()
        assert everything() == before
    rotate(token)


@pytest.mark.django_db
def test_refused_login_is_kept_although_it_raises(alice: User) -> None:
    with pytest.raises(InvalidCredentials):
        log_in(identifier="alice", password="wrong", by=BY)
    assert AuditLog.objects.get().action == "user.login_failed"


def refused_by_the_database(number: int, times: int) -> tuple[Callable[[], str], list[int]]:
    """A write that meets the error `number` so many times, and a list of its attempts."""
    attempts: list[int] = []

    @retry_collisions
    def write() -> str:
        attempts.append(len(attempts))
        if len(attempts) <= times:
            raise OperationalError(number, "refused")
        return "done"

    return write, attempts


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [1205, 1213])
def test_collision_is_tried_again(number: int) -> None:
    write, attempts = refused_by_the_database(number, ATTEMPTS - 1)
    assert write() == "done"
    assert len(attempts) == ATTEMPTS


@pytest.mark.django_db(transaction=True)
def test_collision_that_does_not_end_is_raised() -> None:
    write, attempts = refused_by_the_database(1213, ATTEMPTS)
    with pytest.raises(OperationalError):
        write()
    assert len(attempts) == ATTEMPTS


@pytest.mark.django_db(transaction=True)
def test_other_errors_are_not_tried_again() -> None:
    write, attempts = refused_by_the_database(2006, 1)
    with pytest.raises(OperationalError):
        write()
    assert len(attempts) == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_is_tried_again_inside_a_transaction_of_the_caller() -> None:
    write, attempts = refused_by_the_database(1213, 1)
    with atomic(), pytest.raises(OperationalError):
        write()
    assert len(attempts) == 1


@pytest.mark.django_db
def test_unusable_password_signs_nobody_in() -> None:
    robot = make_user("robot")
    robot.set_unusable_password()
    robot.save()
    with pytest.raises(InvalidCredentials):
        log_in(identifier="robot", password=PASSWORD, by=BY)
