"""The page of one transaction in the back-office."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ledgerlink.context import RequestContext, current_request
from tests.back_office import signed_in
from tests.books import (
    cancel,
    capture,
    expire,
    fund,
    hold,
    idempotency,
    post_one,
    post_refused,
    transfer,
)
from tests.books import (
    reverse as give_back,
)
from tests.pages import text_of
from transactions.errors import InsufficientFunds
from transactions.expiry import expire_pending
from transactions.models import Transaction
from users.actors import Actor
from users.models import User


def path_of(transaction: Transaction) -> str:
    return reverse("admin:transactions_transaction_change", args=[transaction.pk])


def read(reader: User, transaction: Transaction) -> str:
    page = signed_in(reader).get(path_of(transaction))
    assert page.status_code == 200
    return text_of(page.content)


def moved(alice: User, bob: User, by: User, **fields: Any) -> Transaction:
    fund(alice, "1000.00")
    made = post_one(transfer(alice, bob, "300.00", actor=Actor.of(by), **fields)).transaction
    assert made is not None
    return made


def test_page_shows_parties_amount_entries_and_where_it_came_from(
    auditor: User, finance: User, alice: User, bob: User
) -> None:
    request = current_request.set(RequestContext("request-7", "trace-7", "10.0.0.7"))
    key = idempotency("wire-7")
    made = moved(alice, bob, finance, reference="INV-7", idempotency=key)
    current_request.reset(request)
    text = read(auditor, made)
    for expected in (
        "Transfer Completed 300.00 USD From alice USD balance To bob USD balance",
        "alice 1,000.00 USD -300.00 USD 700.00 USD no. 2",
        "bob 0.00 USD +300.00 USD 300.00 USD no. 1",
        "Asked for by finance",
        "Reference INV-7",
        "Idempotency key wire-7",
        "Request id request-7",
        "Trace id trace-7",
        "Transaction: completed by finance",
    ):
        assert expected in text


def test_page_links_a_transaction_and_its_reversals_both_ways(
    auditor: User, finance: User, alice: User, bob: User
) -> None:
    made = moved(alice, bob, finance)
    back = post_one(give_back(made, "120.00", reason="Overcharged", actor=Actor.of(bob)))
    assert back.transaction is not None
    text = read(auditor, made)
    assert "Partly reversed" in text
    assert "120.00 USD of 300.00 USD given back, 180.00 USD left." in text
    assert "Reversed by bob 120.00 USD given back" in text
    client = signed_in(auditor)
    assert path_of(back.transaction) in client.get(path_of(made)).content.decode()
    assert path_of(made) in client.get(path_of(back.transaction)).content.decode()
    post_one(give_back(made))
    assert "Completed Reversed 300.00 USD" in read(auditor, made)


def test_timeline_tells_how_a_hold_ended_and_by_whom(
    auditor: User, finance: User, alice: User, bob: User
) -> None:
    fund(alice, "100.00")
    held = [hold(alice, bob, "10.00", actor=Actor.of(alice)) for _ in range(4)]
    post_one(capture(held[0], "7.50", actor=Actor.of(finance)))
    post_one(cancel(held[1], actor=Actor.of(bob)))
    expire(held[2])
    expire_pending()
    asked = "Asked for by alice 10.00 USD held"
    captured = read(auditor, held[0])
    assert "7.50 USD of 10.00 USD that were held" in captured
    assert captured.index(asked) < captured.index("Captured by finance 7.50 USD moved")
    assert "Cancelled by bob The hold was released" in read(auditor, held[1])
    assert "Expired by expire_pending The hold was released" in read(auditor, held[2])
    assert "Expires unless it is captured before" in read(auditor, held[3])


def test_refused_transaction_says_why_in_words(auditor: User, alice: User, bob: User) -> None:
    kept = post_refused(transfer(alice, bob, "1.00"), InsufficientFunds)
    assert kept is not None
    text = read(auditor, kept)
    assert "No money moved: There is not enough money available." in text
    assert "None: no money has moved." in text


def test_hostile_text_is_shown_as_text(auditor: User, alice: User, bob: User) -> None:
    hostile = "<script>alert(1)</script>"
    made = moved(alice, bob, alice, reference=hostile, description=hostile, metadata={"a": hostile})
    client = signed_in(auditor)
    page = client.get(path_of(made)).content.decode()
    assert hostile not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3


@pytest.mark.parametrize("pk", ["nonsense", "01900000-0000-7000-8000-000000000000"])
def test_unknown_transaction_leads_back(auditor: User, pk: str) -> None:
    client = signed_in(auditor)
    gone = client.get(reverse("admin:transactions_transaction_change", args=[pk]))
    assert (gone.status_code, gone.headers["Location"]) == (302, reverse("admin:index"))


def test_page_costs_as_many_queries_whatever_belongs_to_it(
    auditor: User, finance: User, alice: User, bob: User
) -> None:
    client = signed_in(auditor)

    def queries(transaction: Transaction) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path_of(transaction)).status_code == 200
        return len(captured)

    made = moved(alice, bob, finance)
    cost = queries(made)
    for _ in range(30):
        assert post_one(give_back(made, "1.00", actor=Actor.of(bob))).error is None
    assert queries(made) == cost <= 15
