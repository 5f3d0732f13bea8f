"""What takes two people is asked for in the back-office: a form, a preview, one request."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from balances.enums import BalanceStatus
from balances.money import money
from tests.back_office import signed_in
from tests.books import amount_of, balance_of, fund, post_one, transfer, withdrawal
from tests.books import reverse as back
from tests.pages import filled_in, previewed, refusal, said, text_of
from transactions.approval_model import Approval
from transactions.limits import set_limit
from transactions.models import Transaction
from users.actors import Actor
from users.models import User

ADJUST, FREEZE, LIMIT, WITHDRAW = (
    reverse(f"admin:transactions_transaction_{action}")
    for action in ("adjust", "freeze", "limit", "withdraw")
)


@pytest.fixture(autouse=True)
def withdrawals_above_fifty_take_two(settings: Settings) -> None:
    settings.APPROVAL_WITHDRAWALS_ABOVE = ["USD:50.00"]


@pytest.fixture
def paid(alice: User, bob: User) -> Transaction:
    """30.00 from Alice, who has 70.00 left, to Bob."""
    fund(alice, "100.00")
    made = post_one(transfer(alice, bob, "30.00")).transaction
    assert made is not None
    return made


def reversal_of(paid: Transaction) -> str:
    return reverse("admin:transactions_transaction_reverse", args=[paid.pk])


ASKED: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    (
        ADJUST,
        {"amount": "1,000", "direction": "credit", "description": "Bonus"},
        {"amount": 100_000, "direction": "credit", "description": "Bonus"},
    ),
    (
        ADJUST,
        {"amount": "5", "direction": "debit", "allow_overdraft": "on"},
        {"amount": 500, "direction": "debit", "allow_overdraft": True},
    ),
    (WITHDRAW, {"amount": "50.01"}, {"amount": 5_001}),
    (
        FREEZE,
        {"status": "debits_frozen", "until": "2099-01-31T14:00+02:00"},
        {"status": "debits_frozen", "until": "2099-01-31T12:00:00.000000Z"},
    ),
    (
        LIMIT,
        {"per_transaction": "5,000", "per_day": "0"},
        {"per_transaction": 500_000, "per_day": 0},
    ),
]


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize(("path", "fields", "expected"), ASKED)
def test_request_is_made_once_and_nothing_else_is_done(
    finance: User, alice: User, path: str, fields: dict[str, str], expected: dict[str, Any]
) -> None:
    client = signed_in(finance)
    form = filled_in(client, path, customer="alice", reason="<b>as agreed</b>", **fields)
    confirmed = previewed(client, path, form)
    first, second = client.post(path, confirmed), client.post(path, confirmed)
    made = Approval.objects.get()
    page = reverse("admin:transactions_approval_change", args=[made.pk])
    assert [first.headers["Location"], second.headers["Location"]] == [page] * 2
    assert said(first)[-1].endswith("asked for: somebody else must approve it.")
    assert said(second)[-1] == "This was done before: it was not done a second time."
    assert made.asked.items() >= {"user_id": alice.pk, "currency": "USD", **expected}.items()
    assert (made.requested_by, made.reason) == (finance, "<b>as agreed</b>")
    assert (amount_of(alice), balance_of(alice).status) == (7_000, BalanceStatus.ACTIVE)
    assert b"<b>as agreed</b>" not in client.get(page).content


def test_reversal_is_asked_for_in_part_or_as_all_that_is_left(
    finance: User, bob: User, paid: Transaction
) -> None:
    post_one(back(paid, "10.00", actor=Actor.of(bob)))
    client, path = signed_in(finance), reversal_of(paid)
    form = filled_in(client, path, reason="Goods returned")
    assert form["amount"] == "20.00"
    page = client.post(path, {**form, "amount": "15.00"})
    shown = {line.who: line.posted_after for line in page.context["lines"]}
    assert shown == {"bob": "5.00 USD", "alice": "95.00 USD"}
    client.post(path, previewed(client, path, {**form, "amount": "15.00"}))
    made = Approval.objects.get()
    assert (made.original, made.asked["amount"]) == (paid, 1_500)
    post_one(back(paid, actor=Actor.of(bob)))
    assert said(client.get(path))[-1] == "All of it was given back before."


def test_withdrawal_up_to_the_amount_takes_one_person(finance: User, paid: Transaction) -> None:
    client = signed_in(finance)
    form = filled_in(client, WITHDRAW, customer="alice", amount="50.00")
    client.post(WITHDRAW, previewed(client, WITHDRAW, form))
    assert Transaction.objects.filter(type="withdrawal", status="completed").count() == 1
    above = filled_in(client, WITHDRAW, customer="alice", amount="50.01")
    assert refusal(client.post(WITHDRAW, above)).startswith("Somebody else must approve")
    assert not Approval.objects.exists()


def test_what_may_change_until_then_is_told_and_can_be_asked_for(
    finance: User, paid: Transaction
) -> None:
    client = signed_in(finance)
    fields = {"customer": "alice", "amount": "500", "direction": "debit", "reason": "Fraud"}
    form = filled_in(client, ADJUST, **fields)
    page = client.post(ADJUST, form)
    (note,) = page.context["notes"]
    assert note.endswith("Not enough is available: alice has 70.00 USD.")
    client.post(ADJUST, {**form, "seen": page.context["seen"], "step": "confirm"})
    assert Approval.objects.count() == 1


def test_stale_preview_of_a_request_is_shown_anew(
    finance: User, alice: User, paid: Transaction
) -> None:
    client = signed_in(finance)
    fields = {"customer": "alice", "amount": "5", "direction": "debit", "reason": "Fee"}
    confirmed = previewed(client, ADJUST, filled_in(client, ADJUST, **fields))
    post_one(withdrawal(alice, "60.00"))
    page = client.post(ADJUST, confirmed)
    assert page.context["notes"][0].startswith("alice's balance has changed: posted 70.00 USD")
    assert not Approval.objects.exists()
    client.post(ADJUST, {**confirmed, "seen": page.context["seen"]})
    assert Approval.objects.count() == 1


@pytest.mark.parametrize(
    ("path", "fields", "why"),
    [
        (ADJUST, {"amount": "5", "direction": "credit", "reason": ""}, "This field is required."),
        (ADJUST, {"amount": "5", "direction": ""}, "This field is required."),
        (
            ADJUST,
            {"amount": "5", "direction": "credit", "allow_overdraft": "on"},
            "A credit takes nothing from the customer.",
        ),
        (FREEZE, {"status": "active"}, "The balance has this status already."),
        (FREEZE, {"status": "frozen", "until": "2020-01-01T00:00"}, "This moment has passed."),
        (
            FREEZE,
            {"status": "active", "until": "2099-01-01T00:00"},
            "What is unfrozen has no end: leave this empty.",
        ),
        (LIMIT, {"customer": ""}, "Name a customer, or choose a role."),
        (LIMIT, {"role": "user"}, "Name a customer, or choose a role."),
        (LIMIT, {"per_day": "1,5"}, "In “1,5” the comma does not part thousands."),
    ],
)
def test_request_is_refused_in_words(
    finance: User, paid: Transaction, path: str, fields: dict[str, str], why: str
) -> None:
    client = signed_in(finance)
    filled = {"customer": "alice", "reason": "as agreed", **fields}
    assert refusal(client.post(path, filled_in(client, path, **filled))).startswith(why)


def test_form_names_what_it_is_about_and_leads_back(finance: User, paid: Transaction) -> None:
    client = signed_in(finance)
    page = client.get(reversal_of(paid))
    moved = money(paid.amount, paid.currency)
    assert f"Transfer of {moved} from alice to bob." in text_of(page.content)
    assert page.context["back"] == reverse("admin:transactions_transaction_change", args=[paid.pk])
    adjust = client.get(ADJUST, {"user": finance.pk})
    assert adjust.context["back"] == reverse("admin:users_user_change", args=[finance.pk])
    assert "Back without doing it" in text_of(adjust.content)


def test_more_than_is_left_can_not_be_reversed(finance: User, paid: Transaction) -> None:
    client, path = signed_in(finance), reversal_of(paid)
    form = filled_in(client, path, amount="30.01", reason="Goods returned")
    assert refusal(client.post(path, form)) == "30.00 USD are left of it."


def test_limit_that_was_changed_since_the_preview_is_shown_anew(finance: User, alice: User) -> None:
    client = signed_in(finance)
    form = filled_in(client, f"{LIMIT}?user={alice.pk}", per_day="900", reason="House sale")
    confirmed = previewed(client, LIMIT, form)
    by = Actor.system("tests")
    set_limit(subject=alice, currency="USD", per_transaction=700, per_day=None, by=by)
    page = client.post(LIMIT, confirmed)
    note = "The limits have changed: at once no limit is now 7.00 USD."
    assert (page.context["notes"], Approval.objects.exists()) == ([note], False)
    client.post(LIMIT, {**confirmed, "seen": page.context["seen"]})
    assert Approval.objects.get().asked["per_day"] == 90_000


def test_limit_of_a_role_shows_what_stands_now(finance: User, alice: User) -> None:
    by = Actor.system("tests")
    set_limit(subject=alice, currency="USD", per_transaction=10_000, per_day=None, by=by)
    client = signed_in(finance)
    shown = filled_in(client, f"{LIMIT}?user={alice.pk}")
    assert (shown["per_transaction"], shown["per_day"]) == ("100.00", "")
    assert facts(client, {**shown, "per_day": "900", "reason": "House sale"}) == [
        ("At once", "100.00 USD now, 100.00 USD after"),
        ("In a day", "no limit now, 900.00 USD after"),
        ("Reason", "House sale"),
    ]
    of_role = filled_in(client, f"{LIMIT}?role=user", per_day="7", reason="New rules")
    assert facts(client, of_role)[1] == ("In a day", "no limit now, 7.00 USD after")


def facts(client: Client, form: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = client.post(LIMIT, form).context["facts"]
    return found
