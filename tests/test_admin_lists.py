"""The lists of the back-office: filters, search, paging, sorting, and what they say."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditLog, Seal, Verification
from balances.models import Balance, BalanceHistory
from ledgerlink import long_lists, walks
from ledgerlink.admin import SearchedAdmin
from tests.back_office import address, sign_in
from tests.books import (
    balance_of,
    change_balance,
    fund,
    hold,
    post_one,
    post_refused,
    transfer,
    withdrawal,
)
from tests.pages import text_of
from transactions.admin_columns import answered
from transactions.errors import InsufficientFunds
from transactions.models import IdempotencyKey, Reconciliation, Transaction, TransactionLimit
from users import accounts
from users.actors import Actor
from users.models import User, UserNote

TODAY = timezone.now().date()
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def books(alice: User, bob: User, charlie: User) -> None:
    """Ten transactions of Alice and Bob in two currencies; Charlie has none and is deleted."""
    fund(alice, "1234.50")
    fund(bob, "5000", "JPY")
    for number in range(5):
        post_one(transfer(alice, bob, f"{number + 1}.00", reference=f"INV-{number}"))
    post_one(withdrawal(bob, "10.00", reference=HOSTILE))
    post_refused(transfer(bob, alice, "9999.00"), InsufficientFunds)
    hold(alice, bob, "7.00", reference="inv-hold")
    accounts.delete_user(user_id=charlie.pk, by=Actor.of(alice))


@pytest.fixture
def auditor_client(db: None) -> Client:
    return sign_in("auditor")


def ask(client: Client, model: Any, **query: str) -> Any:
    response = client.get(address(model, "changelist"), query)
    assert response.status_code == 200
    return response


def count(client: Client, model: Any, **query: str) -> int:
    return len(ask(client, model, **query).context["cl"].result_list)


FOUND: list[tuple[Any, dict[str, str], int]] = [
    (Transaction, {"type": "deposit"}, 2),
    (Transaction, {"type__exact": "deposit"}, 2),
    (Transaction, {"status": "failed"}, 1),
    (Transaction, {"failure_code": "insufficient_funds"}, 1),
    (Transaction, {"failure_code": "balance_frozen"}, 0),
    (Transaction, {"status": "completed", "type": "transfer"}, 5),
    (Transaction, {"currency": "JPY"}, 1),
    (Transaction, {"amount_from": "1,234.50"}, 2),  # yen have no decimals
    (Transaction, {"amount_from": "1 234.50", "amount_to": "$5,000"}, 1),
    (Transaction, {"amount_from": "2", "amount_to": "4.00", "type": "transfer"}, 3),
    (Transaction, {"amount_from": "5000", "currency": "JPY"}, 1),
    (Transaction, {"amount_to": "0"}, 0),
    (Transaction, {"party": "alice"}, 8),
    (Transaction, {"party": "ALICE@example.com", "status": "pending"}, 1),
    (Transaction, {"party": "house:external"}, 3),
    (Transaction, {"party": "House: External"}, 3),
    (Transaction, {"period": "today"}, 10),
    (Transaction, {"period": "yesterday"}, 0),
    (Transaction, {"since": str(TODAY), "until": str(TODAY + timedelta(days=1))}, 10),
    (Transaction, {"until": str(TODAY - timedelta(days=1))}, 0),
    (Transaction, {"created_at__gte": f"{TODAY} 00:00:00", "status": "completed"}, 8),
    (Transaction, {"created_at__lt": f"{TODAY}T00:00:00Z"}, 0),
    (Transaction, {"q": "INV-3"}, 1),
    (Transaction, {"q": "inv-3"}, 1),
    (Transaction, {"q": "INV"}, 6),
    (Transaction, {"q": "INV", "status": "pending"}, 1),
    (Transaction, {"q": "bob"}, 9),
    (Transaction, {"q": "al"}, 8),
    (BalanceHistory, {"direction": "out"}, 8),
    (BalanceHistory, {"type": "withdrawal"}, 2),
    (BalanceHistory, {"type": "transfer", "party": "alice"}, 5),
    (BalanceHistory, {"q": "INV-3"}, 2),
    (BalanceHistory, {"q": "inv"}, 10),
    (BalanceHistory, {"q": "INV", "direction": "in"}, 5),
    (BalanceHistory, {"party": "bob", "direction": "in"}, 6),
    (BalanceHistory, {"currency": "JPY"}, 2),
    (BalanceHistory, {"amount_from": "5", "amount_to": "10"}, 4),
    (BalanceHistory, {"amount_from": "5", "amount_to": "10", "direction": "out"}, 2),
    (BalanceHistory, {"period": "30-days", "party": "house:external"}, 3),
    (Balance, {"amount_from": "-5000", "amount_to": "-1"}, 2),
    (Balance, {"amount_from": "-2,000.00", "currency": "USD"}, 3),
    (Balance, {"status": "frozen"}, 1),
    (Balance, {"status": "active", "owner": "users"}, 2),
    (Balance, {"owner": "houses"}, 2),
    (Balance, {"q": "a"}, 1),
    (Balance, {"period": "today"}, 5),
    (Balance, {"until": str(TODAY - timedelta(days=1))}, 0),
    (Balance, {"since": str(TODAY), "owner": "users"}, 3),
    (Balance, {"held__gt": "0"}, 1),
    (User, {"account": "deleted"}, 1),
    (User, {"account": "active", "role": "user"}, 2),
    (User, {"q": "char"}, 1),
    (AuditLog, {"action": "transaction.failed"}, 1),
    (AuditLog, {"actor": "alice"}, 1),
    (AuditLog, {"actor": "tests", "action": "transaction.pending"}, 1),
]


def test_filters_combine(books: None, alice: User, auditor_client: Client) -> None:
    change_balance(alice, status="frozen")
    counted = [(m, query, count(auditor_client, m, **query)) for m, query, _ in FOUND]
    assert [row for row in counted if row not in FOUND] == []


NOT_UNDERSTOOD = [
    (Transaction, {"amount_from": "1.234,50"}, "“1.234,50” has a comma after the point."),
    (Transaction, {"amount_from": "ten"}, "“ten” is not an amount."),
    (Transaction, {"amount_from": "10", "amount_to": "5"}, "The first amount is larger"),
    (Transaction, {"amount_from": "1.005", "currency": "USD"}, "USD has 2 decimals"),
    (Transaction, {"since": "31/12/2026"}, "“31/12/2026” is not a day"),
    (Transaction, {"since": "2026-02-30"}, "“2026-02-30” is not a day"),
    (Transaction, {"until": "9999-12-31"}, "“9999-12-31” is not a day"),
    (Transaction, {"status": HOSTILE}, f"There is no status called “{HOSTILE}”."),
    (Transaction, {"party": "nobody"}, "There is no user and no house account called “nobody”."),
    (Transaction, {"party": "house:nobody"}, "There is no user and no house account called"),
    (BalanceHistory, {"balance": "0"}, "There is no such balance."),
    (BalanceHistory, {"transaction": "x"}, "This is not the id of a transaction."),
]


def test_what_is_not_understood_is_said_and_nothing_is_listed(
    books: None, auditor_client: Client
) -> None:
    for model, query, said in NOT_UNDERSTOOD:
        response = ask(auditor_client, model, **query)
        assert said in text_of(response.content)
        assert response.context["cl"].result_list == []
        assert HOSTILE not in response.content.decode()


def test_text_of_others_is_shown_as_text(books: None, auditor_client: Client) -> None:
    for model, query in (
        (Transaction, {}), (BalanceHistory, {}), (AuditLog, {}), (Transaction, {"q": HOSTILE}),
    ):  # fmt: skip
        page = ask(auditor_client, model, **query).content.decode()
        assert HOSTILE not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_filters_survive_turning_the_pages(
    books: None, auditor_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SearchedAdmin, "list_per_page", 2)
    found, query = [], "?status=completed&type=transfer&q=alice"
    while query:
        cl = auditor_client.get(address(Transaction, "changelist") + query).context["cl"]
        assert len(cl.result_list) <= 2
        found += [row.reference for row in cl.result_list]
        query = cl.onward
    assert found == ["INV-4", "INV-3", "INV-2", "INV-1", "INV-0"]


def test_filter_is_taken_off_by_its_chip(books: None, auditor_client: Client) -> None:
    cl = ask(auditor_client, Transaction, status="failed", party="bob", p="1").context["cl"]
    assert cl.chips == [("Status: Failed", "?party=bob"), ("Party: bob", "?status=failed")]


CHIPS: list[tuple[Any, dict[str, str], list[str]]] = [
    (Transaction, {"completed_at__gte": "2026-11-01"}, ["Completed from 2026-11-01"]),
    (
        Transaction,
        {"created_at__gte": "2026-11-01T00:00:00Z", "created_at__lt": "2026-11-02T07:05:00Z"},
        ["From 2026-11-01", "Before 2026-11-02 07:05 UTC"],
    ),
    (Transaction, {"since": "2026-11-01", "period": "today"}, ["Today", "From 2026-11-01"]),
    (
        Transaction,
        {"status": "pending", "expires_at__lt": "2026-11-02T07:05:06.789Z"},
        ["Status: Pending", "Expired before 2026-11-02 07:05 UTC"],
    ),
    (
        Transaction,
        {"failure_code": "insufficient_funds"},
        ["Reason: There is not enough money available"],
    ),
    (Transaction, {"party": "house:fees"}, ["Party: House: Fees"]),
    (Balance, {"held__gt": "0"}, ["With money held"]),
    (Balance, {"owner": "external"}, ["Owner: House: External"]),
    (AuditLog, {"entity_type": "api_key", "entity_id": "7"}, ["About: API key 7"]),
    (AuditLog, {"entity_type": "transaction"}, ["About: transaction"]),
    (AuditLog, {"id__gt": "12"}, ["After record no. 12"]),
    (AuditLog, {"action": "transaction.failed"}, ["Action: Transaction: failed"]),
]


def test_chips_say_in_words_what_links_ask_for(
    books: None, alice: User, auditor_client: Client
) -> None:
    for model, query, said in CHIPS:
        cl = ask(auditor_client, model, **query).context["cl"]
        assert [text for text, _ in cl.chips] == said
    own = [(Transaction, "party", "Party: alice"), (UserNote, "user", "About alice")]
    for model, name, text in own:
        (chip,) = ask(auditor_client, model, **{name: str(alice.pk)}).context["cl"].chips
        assert chip[0] == text


def test_form_keeps_what_has_no_field(books: None, alice: User, auditor_client: Client) -> None:
    pk = balance_of(alice).pk
    cl = ask(auditor_client, BalanceHistory, balance=str(pk), direction="out").context["cl"]
    assert list(cl.kept) == [("balance", str(pk))]
    assert [text for text, _ in cl.chips] == ["Direction: Money out", "Balance: alice USD"]
    assert len(cl.result_list) == 5


@pytest.mark.parametrize("owner", ["alice", "house:external"])
def test_entries_of_an_owner_are_turned_over_by_their_versions(
    books: None, auditor_client: Client, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    monkeypatch.setattr(long_lists, "FEW", 1)
    monkeypatch.setattr(walks, "FIRST_WINDOW", 2)
    monkeypatch.setattr(SearchedAdmin, "list_per_page", 2)
    path = address(BalanceHistory, "changelist")
    shown: list[int] = []
    back: list[int] = []
    query = f"?party={owner}&period=today"
    while query:
        cl = auditor_client.get(path + query).context["cl"]
        shown += [row.pk for row in cl.result_list]
        query, last = cl.onward, cl
    while last.back:
        last = auditor_client.get(path + last.back).context["cl"]
        back = [row.pk for row in last.result_list] + back
    house = owner.startswith("house:")
    of_owner = {"balance__house": "external"} if house else {"balance__user__username": owner}
    expected = list(
        BalanceHistory.objects.filter(**of_owner).order_by("-pk").values_list("pk", flat=True)
    )
    assert len(expected) > 2
    assert shown == expected
    assert back == expected[: len(back)]
    assert len(back) >= len(expected) - 2


def test_short_list_is_sorted_by_any_column_and_a_long_one_says_why_not(
    books: None, auditor_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = {"o": "-3", "currency": "USD", "type": "transfer"}
    rows = ask(auditor_client, Transaction, **query).context["cl"].result_list
    assert [row.amount for row in rows] == [999900, 700, 500, 400, 300, 200, 100]
    oldest = ask(auditor_client, Transaction, o="0").context["cl"].result_list
    assert [row.pk for row in oldest] == list(
        Transaction.objects.order_by("pk").values_list("pk", flat=True)
    )
    monkeypatch.setattr(long_lists, "FEW", 3)
    response = ask(auditor_client, Transaction, **query)
    assert "These are too many to be sorted so" in text_of(response.content)
    assert [row.amount for row in response.context["cl"].result_list][:2] == [700, 999900]


def test_long_search_says_how_far_it_went(
    books: None, auditor_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "FIRST_WINDOW", 1)
    monkeypatch.setattr(walks, "PATIENCE", 0)
    response = ask(auditor_client, AuditLog, q="0123456789abcdef0123456789abcdef")
    assert "Nothing was found so far" in text_of(response.content)
    assert response.context["cl"].further == response.context["cl"].onward


def test_page_that_is_none_is_the_first(books: None, auditor_client: Client) -> None:
    for place in ("nonsense", "K2Fi", "-1", "2"):
        assert count(auditor_client, Transaction, p=place) == 10


def test_empty_lists_say_what_would_be_there(auditor_client: Client) -> None:
    nothing = text_of(ask(auditor_client, Transaction).content)
    assert "No transactions Deposits, transfers and withdrawals appear here" in nothing
    filtered = text_of(ask(auditor_client, Transaction, status="failed").content)
    assert "No transactions match No row meets all of the filters. Show all" in filtered
    searched = text_of(ask(auditor_client, Transaction, q="zz").content)
    assert "Nothing was found for “zz”." in searched


def test_many_users_called_so_are_said_to_be_more(auditor_client: Client) -> None:
    User.objects.bulk_create(User(username=f"sam{n}", email=f"sam{n}@x.io") for n in range(12))
    fund(User.objects.get(username="sam1"), "1.00")
    assert "More than 10 users are called so" in text_of(
        ask(auditor_client, Transaction, q="sam").content
    )
    assert count(auditor_client, Transaction, q="sam1") == 1


def test_actions_to_filter_by_are_those_in_the_trail(books: None, auditor_client: Client) -> None:
    (actions,) = [
        spec.options
        for spec in ask(auditor_client, AuditLog).context["cl"].filters
        if spec.title == "action"
    ]
    in_use = AuditLog.objects.order_by("action").values_list("action", flat=True).distinct()
    assert [action for action, _ in actions] == list(in_use)
    assert ("transaction.failed", "Transaction: failed") in actions


def test_keys_that_can_not_be_are_not_found(books: None, auditor_client: Client) -> None:
    assert count(auditor_client, IdempotencyKey, q="é") == 0


def test_pages_speak_of_people_and_rows_as_they_are_called(
    books: None, alice: User, auditor_client: Client
) -> None:
    head = re.compile(r"<h1.*?</h1>", re.DOTALL)

    def heading(path: str) -> str:
        found = head.search(auditor_client.get(path).content.decode())
        assert found is not None
        return " ".join(re.sub("<[^>]*>", " ", found[0]).replace("chevron_right", ">").split())

    failed = AuditLog.objects.get(action="transaction.failed")
    assert heading(address(Transaction, "changelist")) == "Transactions"
    assert heading(address(BalanceHistory, "changelist")) == "Balances > Ledger entries"
    assert heading(f"/admin/users/user/{alice.pk}/change/") == "Users > alice"
    said = f"Audit > Audit trail > Transaction: failed by {failed.actor_name}"
    assert heading(f"/admin/audit/auditlog/{failed.pk}/change/") == said


def test_what_a_key_was_answered_with_is_said_in_a_word(alice: User) -> None:
    keys = [IdempotencyKey(answer_status=status) for status in (None, 200, 201, 202, 409, 422)]
    assert [answered(key) for key in keys] == ["", "Done", "Done", "Done", "Refused", "Refused"]


def test_nothing_for_staff_names_a_command(auditor_client: Client) -> None:
    for model in (Reconciliation, Seal, Verification, TransactionLimit, IdempotencyKey):
        page = text_of(ask(auditor_client, model).content)
        assert "manage.py" not in page


def test_list_is_called_what_it_lists(auditor_client: Client) -> None:
    assert ask(auditor_client, Transaction).context["title"] == "Transactions"
