"""The back-office: what can be found, and that the books stay as they are."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditLog
from audit.sealing import seal_trail
from audit.verification import Report
from audit.verification import keep as keep_verification
from balances.models import Balance, BalanceHistory, Currency
from tests.back_office import MODELS, address, ask_to_freeze, limit, one_of_each, sign_in
from tests.books import balance_of, fund, idempotency, make_user, post_one, transfer
from transactions.models import IdempotencyKey, Transaction
from transactions.reconciliation import keep
from users.actors import Actor
from users.api_keys import create_api_key
from users.models import User
from users.notes import add_note
from users.roles import Role


@pytest.fixture
def books(alice: User, bob: User) -> Transaction:
    """One row of every model, and the transfer among them."""
    return one_of_each(alice, bob)


@pytest.mark.parametrize("person", ["auditor", "finance", "admin"])
def test_first_page_links_every_list(books: Transaction, person: str) -> None:
    page = sign_in(person).get(reverse("admin:index")).content.decode()
    linked = {model for model in MODELS if f'href="{address(model, "changelist")}"' in page}
    assert linked == set(MODELS)


@pytest.mark.parametrize("model", [model for model in MODELS if model is not User])
def test_books_stay_as_they_are_when_a_superuser_posts(books: Transaction, model: Any) -> None:
    client = sign_in("superuser")
    before = list(model.objects.order_by("pk").values())
    form = {
        "action": "delete_selected",
        "_selected_action": [model.objects.earliest("pk").pk],
        "post": "yes",
    }
    client.post(address(model, "changelist"), form)
    client.post(address(model, "change"), {"amount": "1", "status": "active"})
    assert list(model.objects.order_by("pk").values()) == before


SEARCHES = [
    (Transaction, "INV-7", 1),
    (Transaction, "bob", 1),
    (Transaction, "alice", 2),
    (Transaction, "nobody", 0),
    (Transaction, "01900000-0000-7000-8000-000000000000", 0),
    (Balance, "alice@example", 1),
    (Balance, "bob", 1),
    (BalanceHistory, "alice", 2),
    (BalanceHistory, "99999999999999999999", 0),
    (IdempotencyKey, "invoice", 1),
    (AuditLog, "tests", 2),
    (User, "ALICE", 1),
    (User, "bob@example.com", 1),
]


@pytest.mark.parametrize(("model", "term", "expected"), SEARCHES)
def test_search_finds(books: Transaction, model: Any, term: str, expected: int) -> None:
    response = sign_in("auditor").get(address(model, "changelist"), {"q": term})
    assert response.context["cl"].result_count == expected


@pytest.mark.parametrize("model", [Transaction, BalanceHistory, IdempotencyKey, AuditLog])
def test_search_finds_by_transaction_id(books: Transaction, model: Any) -> None:
    response = sign_in("auditor").get(address(model, "changelist"), {"q": str(books.pk)})
    assert response.context["cl"].result_count == (2 if model is BalanceHistory else 1)


def test_search_finds_users_and_balances_by_id(books: Transaction, alice: User) -> None:
    client = sign_in("auditor")
    users = client.get(address(User, "changelist"), {"q": str(alice.pk)}).context["cl"]
    assert list(users.result_list) == [alice]
    named = client.get(address(User, "changelist"), {"q": f"#{alice.pk}"}).context["cl"]
    assert list(named.result_list) == [alice]
    term = str(balance_of(alice).pk)
    found = client.get(address(Balance, "changelist"), {"q": term}).context["cl"].result_list
    assert balance_of(alice) in found


FILTERS = [
    (Transaction, {"type__exact": "deposit"}, 1),
    (Transaction, {"status__exact": "failed"}, 0),
    (Transaction, {"currency": "USD"}, 2),
    (Transaction, {"currency": "EUR"}, 0),
    (Balance, {"owner": "users"}, 2),
    (Balance, {"owner": "external"}, 1),
    (Balance, {"status__exact": "active", "currency": "USD"}, 3),
    (BalanceHistory, {"currency": "USD"}, 4),
    (AuditLog, {"action": "transaction.completed"}, 2),
    (User, {"role__exact": "user", "is_active__exact": "1"}, 2),
]


@pytest.mark.parametrize(("model", "query", "expected"), FILTERS)
def test_filter_narrows(
    books: Transaction, model: Any, query: dict[str, str], expected: int
) -> None:
    response = sign_in("auditor").get(address(model, "changelist"), query)
    assert response.context["cl"].result_count == expected


def test_amounts_are_shown_with_the_decimals_of_their_currency(alice: User) -> None:
    for amount, currency in (("1234.50", "USD"), ("5000", "JPY"), ("7.250", "BHD")):
        fund(alice, amount, currency)
    client = sign_in("auditor")
    for model in (Balance, BalanceHistory, Transaction):
        page = client.get(address(model, "changelist")).content.decode()
        assert [t for t in ("1,234.50 USD", "5,000 JPY", "7.250 BHD") if t not in page] == []


@pytest.mark.parametrize("model", MODELS)
def test_list_of_fifty_rows_costs_as_many_queries_as_one_of_five(
    books: Transaction, alice: User, model: Any
) -> None:
    client = sign_in("admin")
    asking = make_user("asking-more", Role.FINANCE)

    def queries() -> tuple[int, int]:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page = client.get(address(model, "changelist"))
        return len(page.context["cl"].result_list), len(captured)

    def grow(start: int, end: int) -> None:
        for number in range(start, end):
            other = make_user(f"user-{number}")
            limit(other)
            Currency.objects.create(code=f"X{number}", exponent=2)
            ask_to_freeze(other, asking)
            post_one(transfer(alice, other, "1.00", idempotency=idempotency(f"key-{number}")))
            create_api_key(user_id=other.pk, name="shop", scopes=["read"], by=Actor.of(alice))
            add_note(user_id=other.pk, text="Called.", by=Actor.of(alice))
            keep([], started_at=timezone.now(), took=timedelta(0))
            seal_trail(settled=timedelta(0))
            keep_verification(Report(), started_at=timezone.now(), took=timedelta(0))

    grow(0, 5)
    few, cost_of_few = queries()
    grow(5, 55)
    many, cost_of_many = queries()
    assert few < 40 < many == 50
    assert cost_of_many == cost_of_few
