"""The page of one customer in the back-office, and the notes on it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditLog
from tests.back_office import signed_in
from tests.books import (
    balance_of,
    change_balance,
    deposit,
    expire,
    fund,
    hold,
    post_one,
    post_refused,
    transfer,
)
from tests.pages import text_of
from transactions.errors import InsufficientFunds
from transactions.limits import set_limit
from users.actors import Actor
from users.models import User, UserNote
from users.notes import add_note
from users.roles import Role

STATEMENT = reverse("admin:balances_balance_statement")


def path_of(user: User) -> str:
    return reverse("admin:users_user_change", args=[user.pk])


def notes_path(user: User) -> str:
    return reverse("admin:users_user_notes", args=[user.pk])


def read(reader: User, user: User) -> str:
    page = signed_in(reader).get(path_of(user))
    assert page.status_code == 200
    return text_of(page.content)


def test_page_shows_balances_holds_activity_and_limits(
    auditor: User, alice: User, bob: User
) -> None:
    fund(alice, "2000.00")
    fund(alice, "5000", "JPY")
    hold(alice, bob, "150.00", reference="BOOKING-9")
    post_one(transfer(alice, bob, "30.00", reference="INV-7"))
    post_refused(transfer(alice, bob, "9999.00"), InsufficientFunds)
    post_one(transfer(bob, alice, "4.00"))
    by = Actor.system("tests")
    set_limit(subject=alice, currency="USD", per_transaction=9_999_99, per_day=None, by=by)
    set_limit(subject=Role.USER, currency="USD", per_transaction=1, per_day=1, by=by)
    set_limit(subject=Role.USER, currency="EUR", per_transaction=None, per_day=50_00, by=by)
    text = read(auditor, alice)
    for expected in (
        "alice alice@example.com",
        "5,000 JPY Active",
        "1,974.00 USD Active",
        "1,824.00 USD available · 150.00 USD held",
        "BOOKING-9",
        "Transfer to bob INV-7 Completed -30.00 USD",
        "Transfer to bob \u2013 Failed -9,999.00 USD",
        "Transfer from bob \u2013 Completed +4.00 USD",
        "9,999.99 USD at once, no limit a day USD",
        "no limit at once, 50.00 EUR a day EUR, as every User",
    ):
        assert expected in text, expected
    assert "0.01 USD" not in text


def test_pages_show_as_available_what_an_expired_hold_kept(
    auditor: User, alice: User, bob: User
) -> None:
    fund(alice, "20.00")
    expire(hold(alice, bob, "5.00"))
    assert "20.00 USD available" in read(auditor, alice)
    expire(hold(alice, bob, "6.00"))
    path = reverse("admin:balances_balance_change", args=[balance_of(alice).pk])
    text = text_of(signed_in(auditor).get(path).content)
    assert "6.00 USD" not in text.replace("20.00 USD", "")
    assert balance_of(alice).held == 0


def test_list_shows_as_available_what_expired_holds_kept(
    auditor: User, alice: User, bob: User
) -> None:
    client, path = signed_in(auditor), reverse("admin:balances_balance_changelist")
    queries = []
    for payer, receiver in ((alice, bob), (bob, alice)):
        fund(payer, "20.00")
        over = [hold(payer, receiver, amount) for amount in ("1.00", "2.00")]
        hold(payer, receiver, "5.00")
        for pending in over:  # what is asked of the payer next lets go of them
            expire(pending)
        with CaptureQueriesContext(connection) as asked:
            shown = text_of(client.get(path).content)
        assert f"{payer.username} 20.00 USD 5.00 USD 15.00 USD" in shown
        queries.append(len(asked))
    assert queries[0] == queries[1]
    exported: Any = client.get(reverse("admin:balances_balance_csv"))
    content = b"".join(exported.streaming_content).decode()
    assert content.count(",USD,20.00,5.00,15.00,") == 2
    assert balance_of(bob).held == 800  # nothing was written


def test_page_of_a_customer_without_money_says_so(auditor: User, alice: User) -> None:
    text = read(auditor, alice)
    for expected in ("No balance yet", "no money has moved", "No limits", "No notes yet"):
        assert expected in text, expected


def test_chart_ends_at_what_is_posted_now(auditor: User, alice: User, bob: User) -> None:
    fund(alice, "100.00")
    post_one(transfer(alice, bob, "12.34"))
    page = signed_in(auditor).get(path_of(alice))
    (panel,) = [p for p in page.context["panels"] if p.anchor == "balances"]
    chart = json.loads(panel.context["balances"][0]["chart"])
    assert chart["datasets"][0]["data"][-1] == "87.66"
    assert len(chart["labels"]) == len(chart["datasets"][0]["data"]) == 48


def test_page_costs_as_many_queries_whatever_the_customer_has(
    finance: User, alice: User, bob: User
) -> None:
    client = signed_in(finance)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path_of(alice)).status_code == 200
        return len(captured)

    def grow(start: int, end: int) -> None:
        for number in range(start, end):
            fund(alice, "1000.00")
            other = fund(alice, "10", ("JPY", "EUR", "GBP", "CHF", "SEK")[number % 5])
            assert other is not None
            hold(alice, bob, "1.00")
            post_one(transfer(alice, bob, "2.00"))
            add_note(user_id=alice.pk, text=f"note {number}", by=Actor.of(finance))

    grow(0, 1)
    cost = queries()
    grow(1, 30)
    assert queries() == cost <= 26


def test_note_is_kept_with_its_author_and_in_the_trail(finance: User, alice: User) -> None:
    client = signed_in(finance)
    sent = [client.post(notes_path(alice), {"text": "<b>Called</b>\nabout a fee"}) for _ in "12"]
    assert [answer.headers["Location"] for answer in sent] == [f"{path_of(alice)}#notes"] * 2
    note = UserNote.objects.get()
    assert (note.user, note.author, note.text) == (alice, finance, "<b>Called</b>\nabout a fee")
    kept = AuditLog.objects.get(action="user.note_added")
    assert (kept.entity_id, kept.actor_name) == (str(alice.pk), "finance")
    assert kept.details["changes"] == {"note": [None, "<b>Called</b>\nabout a fee"]}
    page = client.get(path_of(alice)).content.decode()
    assert "&lt;b&gt;Called&lt;/b&gt;" in page


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001])
def test_note_without_use_is_refused(finance: User, alice: User, text: str) -> None:
    answer = signed_in(finance).post(notes_path(alice), {"text": text})
    told = [str(message) for message in get_messages(answer.wsgi_request)]
    assert told == ["Write a note of 1 to 2000 characters."]
    assert not UserNote.objects.exists()


def statement_form(client: Client, address: str) -> Any:
    page = client.get(address)
    (panel,) = [part for part in page.context["panels"] if part.anchor == "statement"]
    form = panel.context["form"]
    assert all(error in text_of(page.content) for error in form.non_field_errors())
    return form


def statement(client: Client, user: User, **query: str) -> str:
    """The file, or what the page says instead."""
    today = timezone.now().date().isoformat()
    asked = {
        "user": str(user.pk),
        "currency": "USD",
        "first": today,
        "last": today,
        "format": "csv",
    }
    answer = client.get(STATEMENT, asked | query)
    if answer.status_code == 302:
        address = answer.headers["Location"]
        assert address.endswith("#statement")
        form = statement_form(client, address)
        asked.pop("user")
        assert {name: form[name].value() for name in form.fields} == {**asked, **query}
        return " ".join(form.non_field_errors())
    return answer.getvalue().decode("latin-1")


@pytest.mark.parametrize(
    ("status", "shown", "offered"),
    [
        ("active", "Active 1 ledger entry 50.00 USD available", ["Deposit", "Withdraw", "Adjust"]),
        ("debits_frozen", "Debits frozen", ["Deposit", "Adjust"]),
        ("frozen", "Frozen", []),
    ],
)
def test_freeze_is_told_beside_what_is_available_and_what_it_refuses_is_not_offered(
    finance: User, alice: User, status: str, shown: str, offered: list[str]
) -> None:
    fund(alice, "50.00")
    change_balance(alice, status=status)
    page = signed_in(finance).get(path_of(alice))
    text = text_of(page.content).replace("Balance · ", "")
    assert shown in text
    told = "Nothing available while it is frozen; 50.00 USD without the freeze"
    assert (told in text) == (status != "active")
    (panel,) = [part for part in page.context["panels"] if part.anchor == "balances"]
    (standing,) = panel.context["balances"]
    labels = [deed.label for deed in standing["deeds"]]
    assert labels == [*offered, "Freeze" if status == "active" else "Unfreeze"]


def test_statement_is_downloaded(auditor: User, alice: User) -> None:
    post_one(deposit(alice, "100.50", description="=HYPERLINK(1)"))
    client = signed_in(auditor)
    lines = statement(client, alice).splitlines()
    assert (lines[1].count("opening"), lines[-1].count("100.50")) == (1, 2)
    assert ",'=HYPERLINK(1)," in lines[2]
    assert statement(client, alice, format="pdf").startswith("%PDF")


def test_statement_is_offered_in_the_currency_that_was_used_first(
    auditor: User, alice: User
) -> None:
    for currency in ("USD", "EUR"):
        fund(alice, "10.00", currency)
    form = statement_form(signed_in(auditor), path_of(alice))
    assert form["currency"].value() == "USD"


def test_statement_that_can_not_be_is_refused_in_the_form(auditor: User, alice: User) -> None:
    fund(alice, "10.00")
    client = signed_in(auditor)
    tomorrow = (timezone.now() + timedelta(days=1)).date().isoformat()
    asks = "Choose a balance, two days and a format for the statement."
    not_yet = statement(client, alice, first=tomorrow, last=tomorrow)
    assert not_yet == "The period of the statement has not begun yet."
    assert "is before the first" in statement(client, alice, last="2020-01-01")
    assert statement(client, alice, currency="XXX").startswith("Give an ISO 4217 code")
    for wrong in ({"first": "soon"}, {"format": "exe"}, {"currency": ""}):
        assert statement(client, alice, **wrong) == asks
