"""Staff move money in the back-office: a form, a preview, a confirmation, and money moves once."""

from functools import partial

import pytest
from django.urls import reverse
from pytest_django import Settings

from balances.enums import BalanceStatus, House
from ledgerlink.errors import Unavailable
from tests.back_office import signed_in
from tests.books import (
    amount_of,
    assert_books_are_sound,
    balance_of,
    change_balance,
    expire,
    fund,
    hold,
    post_one,
    standing,
    transfer,
)
from tests.concurrency import at_once
from tests.pages import filled_in, previewed, refusal, said, text_of
from transactions import admin_actions
from transactions.errors import OutcomeUnknown
from transactions.instructions import Unit, UnitOutcome
from transactions.limits import set_limit
from transactions.models import IdempotencyKey, Transaction
from transactions.processor import submit
from users.actors import Actor
from users.models import User

DEPOSIT, WITHDRAW = (
    reverse(f"admin:transactions_transaction_{action}") for action in ("deposit", "withdraw")
)


def path_of(action: str, subject: Transaction) -> str:
    return reverse(f"admin:transactions_transaction_{action}", args=[subject.pk])


def test_deposit_is_previewed_confirmed_and_made_once(finance: User, alice: User) -> None:
    fund(alice, "100.00")
    client = signed_in(finance)
    form = filled_in(client, DEPOSIT, customer="Alice@example.com", amount="1,234.50")
    form["reference"] = "<b>WIRE-9</b>"
    page = client.post(DEPOSIT, form)
    assert page.context["subject"] == "1,234.50 USD"
    shown = [(line.who, line.posted, line.posted_after) for line in page.context["lines"]]
    assert shown == [
        ("alice", "100.00 USD", "1,334.50 USD"),
        ("House: External", "-100.00 USD", "-1,334.50 USD"),
    ]
    assert "&lt;b&gt;WIRE-9" in page.content.decode()
    assert amount_of(alice) == 10_000
    confirmed = {**form, "seen": page.context["seen"], "step": "confirm"}
    first, second = client.post(DEPOSIT, confirmed), client.post(DEPOSIT, confirmed)
    made = Transaction.objects.get(reference="<b>WIRE-9</b>")
    made_page = reverse("admin:transactions_transaction_change", args=[made.pk])
    assert [first.headers["Location"], second.headers["Location"]] == [made_page] * 2
    assert said(first) == ["1,234.50 USD deposited."]
    assert said(second)[-1] == "This was done before: it was not done a second time."
    assert (made.requested_by, amount_of(alice)) == (finance, 133_450)
    assert IdempotencyKey.objects.get(transaction=made).key == form["key"]
    assert_books_are_sound()


def test_each_action_does_what_its_preview_shows(finance: User, alice: User, bob: User) -> None:
    fund(alice, "100.00")
    client = signed_in(finance)
    captured, cancelled = hold(alice, bob, "40.00"), hold(alice, bob, "10.00")
    for path, fields in (
        (WITHDRAW, {"customer": f"#{alice.pk}", "amount": "5"}),
        (path_of("capture", captured), {"amount": "$30.00"}),
        (path_of("cancel", cancelled), {}),
    ):
        confirmed = previewed(client, path, filled_in(client, path, **fields))
        page = client.post(path, {**confirmed, "step": ""})
        foreseen = {line.user_id: line.posted_after for line in page.context["lines"]}
        assert client.post(path, confirmed).status_code == 302
        assert foreseen[alice.pk] == f"{amount_of(alice) / 100:.2f} USD"
    assert standing(alice)[:3] == (6_500, 0, 6_500)
    assert standing(bob)[:3] == (3_000, 0, 3_000)
    assert_books_are_sound()


def test_form_of_a_hold_is_filled_in_with_all_of_it(finance: User, alice: User, bob: User) -> None:
    fund(alice, "2000.00")
    path = path_of("capture", hold(alice, bob, "1234.50"))
    assert filled_in(signed_in(finance), path)["amount"] == "1,234.50"


def test_form_of_a_customer_is_filled_in_from_their_page(finance: User, alice: User) -> None:
    form = filled_in(signed_in(finance), f"{DEPOSIT}?user={alice.pk}&currency=EUR")
    assert (form["customer"], form["currency"]) == ("alice", "EUR")


def test_form_sent_again_with_something_else_moves_nothing(finance: User, alice: User) -> None:
    client = signed_in(finance)
    form = filled_in(client, DEPOSIT, customer="alice", amount="10.00")
    confirmed = previewed(client, DEPOSIT, form)
    client.post(DEPOSIT, confirmed)
    for step in ("confirm", ""):
        again = client.post(DEPOSIT, {**confirmed, "amount": "99.00", "step": step})
        assert refusal(again).startswith("This form was sent before, with something else in it.")
        assert again.context["form"].data["key"] != form["key"]
    assert amount_of(alice) == 1_000


def test_stale_preview_is_refused_with_what_changed(finance: User, alice: User, bob: User) -> None:
    fund(alice, "100.00")
    client = signed_in(finance)
    form = filled_in(client, WITHDRAW, customer="alice", amount="25.00")
    confirmed = previewed(client, WITHDRAW, form)
    post_one(transfer(alice, bob, "60.00"))
    page = client.post(WITHDRAW, confirmed)
    (note,) = page.context["notes"]
    assert note == (
        "alice's balance has changed: posted 100.00 USD is now 40.00 USD, "
        "available 100.00 USD is now 40.00 USD."
    )
    assert (amount_of(alice), Transaction.objects.filter(status="failed").count()) == (4_000, 0)
    client.post(WITHDRAW, {**confirmed, "seen": page.context["seen"]})
    assert amount_of(alice) == 1_500


def test_others_may_deposit_meanwhile(finance: User, alice: User, bob: User) -> None:
    """The house account changes with every deposit; that makes no preview stale."""
    client = signed_in(finance)
    form = filled_in(client, DEPOSIT, customer="alice", amount="5.00")
    confirmed = previewed(client, DEPOSIT, form)
    fund(bob, "7.00")
    client.post(DEPOSIT, confirmed)
    assert (amount_of(alice), amount_of(House.EXTERNAL)) == (500, -1_200)


@pytest.mark.parametrize("changed", [{"amount": "500.00"}, {"customer": "bob"}])
def test_nothing_is_confirmed_but_what_was_previewed(
    finance: User, alice: User, bob: User, changed: dict[str, str]
) -> None:
    client = signed_in(finance)
    form = filled_in(client, DEPOSIT, customer="alice", amount="5.00")
    confirmed = previewed(client, DEPOSIT, form)
    page = client.post(DEPOSIT, {**confirmed, **changed})
    assert "nothing has been done yet" in text_of(page.content)
    assert not Transaction.objects.exists()


@pytest.mark.parametrize("seen", ["", "nonsense", "W10:1x2y3z:abc"])
def test_nothing_is_confirmed_unseen(finance: User, alice: User, seen: str) -> None:
    client = signed_in(finance)
    form = filled_in(client, DEPOSIT, customer="alice", amount="5.00")
    page = client.post(DEPOSIT, {**form, "seen": seen, "step": "confirm"})
    assert "nothing has been done yet" in text_of(page.content)
    assert not Transaction.objects.exists()


def test_change_something_leads_back_to_what_was_typed(finance: User, alice: User) -> None:
    client = signed_in(finance)
    form = filled_in(client, DEPOSIT, customer="alice", amount="5 000.00")
    page = client.post(DEPOSIT, {**previewed(client, DEPOSIT, form), "step": "edit"})
    again = page.context["form"]
    assert (again["amount"].value(), again["key"].value()) == ("5 000.00", form["key"])


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"amount": "1.234,50"}, "“1.234,50” has a comma after the point."),
        ({"amount": "0"}, "The amount must be more than zero."),
        ({"amount": "€5"}, "The amount is in €, but the balance is in USD."),
        ({"customer": "nobody"}, "There is no such user, or they were deleted."),
        ({"customer": "#999999"}, "There is no such user, or they were deleted."),
        ({"customer": "#1x"}, "There is no such user, or they were deleted."),
        ({"currency": "XXX"}, "Select a valid choice."),
        ({"amount": "100.01"}, "Not enough is available: alice has 100.00 USD."),
        ({"amount": "80.01"}, "At most 80.00 USD may be sent at once."),
    ],
)
def test_refusals_are_sentences(
    finance: User, alice: User, fields: dict[str, str], why: str
) -> None:
    fund(alice, "100.00")
    if fields.get("amount") == "80.01":
        by = Actor.system("tests")
        set_limit(subject=alice, currency="USD", per_transaction=8_000, per_day=None, by=by)
    client = signed_in(finance)
    filled = {"customer": "alice", "amount": "5.00", **fields}
    answer = client.post(WITHDRAW, filled_in(client, WITHDRAW, **filled))
    assert refusal(answer).startswith(why)
    assert Transaction.objects.count() == 1


def test_refused_by_a_freeze_and_by_an_expiry(finance: User, alice: User, bob: User) -> None:
    fund(alice, "100.00")
    held = hold(alice, bob, "10.00")
    client = signed_in(finance)
    capture = path_of("capture", held)
    expire(held)
    late = client.post(capture, filled_in(client, capture))
    assert refusal(late).startswith("It expired before it was captured.")
    too_much = client.post(capture, filled_in(client, capture, amount="1,000"))
    assert refusal(too_much) != ""
    change_balance(alice, status=BalanceStatus.DEBITS_FROZEN)
    form = filled_in(client, WITHDRAW, customer="alice", amount="5.00")
    assert refusal(client.post(WITHDRAW, form)) == "No money may leave the paying balance."


def test_settled_hold_offers_nothing_more(finance: User, alice: User) -> None:
    fund(alice, "100.00")
    bob_is_paid = fund(alice, "1.00")
    client = signed_in(finance)
    for action in ("capture", "cancel"):
        answer = client.get(path_of(action, bob_is_paid))
        assert said(answer)[-1] == "The transaction is completed: it is no longer pending."


def test_actions_are_offered_to_those_who_may(
    finance: User, auditor: User, alice: User, bob: User
) -> None:
    fund(alice, "100.00")
    held = hold(alice, bob, "10.00")
    by = Actor.system("tests")
    limit = set_limit(subject=alice, currency="USD", per_transaction=1, per_day=None, by=by)
    pages = {
        reverse("admin:users_user_change", args=[alice.pk]): DEPOSIT,
        reverse("admin:balances_balance_change", args=[balance_of(alice).pk]): WITHDRAW,
        reverse("admin:transactions_transaction_change", args=[held.pk]): path_of("capture", held),
        reverse("admin:transactions_transactionlimit_change", args=[limit.pk]): "limit/?currency",
    }
    for person, may in ((finance, True), (auditor, False)):
        client = signed_in(person)
        read = {page: client.get(page).content.decode() for page in pages}
        assert {page: pages[page] in text for page, text in read.items()} == dict.fromkeys(
            pages, may
        )


def test_double_click_moves_money_once(queued: object, finance: User, alice: User) -> None:
    clients = [signed_in(finance) for _ in range(4)]
    form = filled_in(clients[0], DEPOSIT, customer="alice", amount="10.00")
    confirmed = previewed(clients[0], DEPOSIT, form)
    answers = at_once([partial(client.post, DEPOSIT, confirmed) for client in clients])
    assert len({answer.headers["Location"] for answer in answers}) == 1  # type: ignore[union-attr] # or it was raised
    assert (amount_of(alice), Transaction.objects.count()) == (1_000, 1)


def test_full_queue_asks_to_confirm_again(
    settings: Settings, request: pytest.FixtureRequest, finance: User, alice: User
) -> None:
    settings.POSTING_QUEUE_SIZE = 0
    request.getfixturevalue("queued")
    client = signed_in(finance)
    form = filled_in(client, DEPOSIT, customer="alice", amount="10.00")
    page = client.post(DEPOSIT, previewed(client, DEPOSIT, form))
    (note,) = page.context["notes"]
    assert note.endswith("Nothing was moved. Confirm it again in a moment.")
    assert page.context["form"]["key"].value() == form["key"]


def test_form_keeps_its_key_while_its_outcome_is_not_known(
    monkeypatch: pytest.MonkeyPatch, finance: User, alice: User
) -> None:
    """The answer to the commit is lost, and with it the database for a while."""
    client = signed_in(finance)
    form = filled_in(client, DEPOSIT, customer="alice", amount="10.00")
    confirmed = previewed(client, DEPOSIT, form)

    def lose_the_answer(unit: Unit) -> UnitOutcome:
        submit(unit)
        raise OutcomeUnknown

    def be_away(unit: Unit) -> UnitOutcome:
        raise Unavailable

    with monkeypatch.context() as lost:
        lost.setattr(admin_actions, "submit", lose_the_answer)
        lost.setattr(admin_actions, "try_out", be_away)
        page = client.post(DEPOSIT, confirmed)
    assert refusal(page).startswith("It can't be told just now whether this was done.")
    assert page.context["form"]["key"].value() == form["key"]
    for step in ("", "confirm"):
        again = client.post(DEPOSIT, {**confirmed, "step": step})
        assert said(again)[-1] == "This was done before: it was not done a second time."
    assert amount_of(alice) == 1_000
