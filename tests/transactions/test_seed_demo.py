"""manage.py seed_demo."""

from collections import Counter
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditLog
from balances.enums import BalanceStatus
from balances.models import Balance
from tests.books import amount_of, assert_books_are_sound, balance_of
from transactions.approval_model import Approval
from transactions.demo import PASSWORD
from transactions.models import Transaction
from users.models import User

pytestmark = pytest.mark.django_db


def seed_demo() -> str:
    out = StringIO()
    call_command("seed_demo", stdout=out)
    return out.getvalue()


def test_seed_demo_makes_users_of_each_role_who_can_sign_in() -> None:
    seed_demo()

    roles = dict(User.objects.values_list("username", "role"))
    assert roles == {
        "admin": "admin",
        "finance": "finance",
        "controller": "finance",
        "auditor": "auditor",
        "alice": "user",
        "bob": "user",
        "carol": "user",
        "shop": "user",
    }
    alice = User.objects.get(username="alice")
    assert alice.check_password(PASSWORD)
    assert alice.email == "alice@example.com"
    assert list(alice.groups.values_list("name", flat=True)) == ["user"]


def test_seed_demo_posts_history_with_something_of_everything() -> None:
    seed_demo()

    statuses = Counter(Transaction.objects.values_list("status", flat=True))
    assert statuses == {"completed": 14, "failed": 2, "pending": 2}
    alice, bob, carol = (User.objects.get(username=name) for name in ("alice", "bob", "carol"))
    assert amount_of(alice) == 150_000 - 10_050 + 1_234 - 25_000 - 6_490
    assert amount_of(bob) == 30_000 + 10_050 - 1_234
    assert amount_of(alice, "EUR") == 80_000 - 4_990 + 2_000
    assert balance_of(carol, "JPY").status == BalanceStatus.DEBITS_FROZEN
    assert_books_are_sound()


def test_seed_demo_leaves_one_request_for_each_of_two_people() -> None:
    seed_demo()

    found = Approval.objects.order_by("pk").values_list("requested_by__username", "status")
    assert list(found) == [
        ("finance", "approved"),
        ("finance", "approved"),
        ("finance", "rejected"),
        ("finance", "requested"),
        ("controller", "requested"),
    ]


def test_seed_demo_is_in_the_audit_trail() -> None:
    seed_demo()

    actions = AuditLog.objects.filter(actor_name="seed_demo").values_list("action", flat=True)
    assert sorted(set(actions)) == [
        "transaction.completed",
        "transaction.failed",
        "transaction.pending",
        "user.created",
    ]


def test_second_seed_demo_changes_nothing_and_is_a_few_queries(
    django_assert_max_num_queries: Any,
) -> None:
    seed_demo()
    before = [
        list(model.objects.order_by("pk").values())
        for model in (User, Balance, Transaction, Approval, AuditLog)
    ]

    with django_assert_max_num_queries(4):
        said = seed_demo()

    after = [
        list(model.objects.order_by("pk").values())
        for model in (User, Balance, Transaction, Approval, AuditLog)
    ]
    assert after == before
    assert "already there" in said


def test_seed_demo_prints_addresses_and_logins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_PORT", "9123")

    said = seed_demo()

    assert "http://127.0.0.1:9123/admin/" in said
    assert "http://127.0.0.1:9123/api/v1" in said
    assert "admin, finance, controller, auditor, alice, bob, carol, shop" in said
    assert PASSWORD in said


def test_seed_demo_keeps_a_user_of_the_same_name(alice: User) -> None:
    seed_demo()

    alice.refresh_from_db()
    assert not alice.check_password(PASSWORD)
    assert User.objects.filter(username_key="alice").count() == 1


def test_seed_demo_refuses_production(settings: Any) -> None:
    settings.PRODUCTION = True

    with pytest.raises(CommandError, match="APP_ENV=production"):
        seed_demo()

    assert not User.objects.exists()


def test_seed_demo_tells_that_an_email_address_is_taken(charlie: User) -> None:
    User.objects.filter(pk=charlie.pk).update(email="bob@example.com")

    with pytest.raises(CommandError, match="e-mail address is taken"):
        seed_demo()

    assert User.objects.get() == charlie
