"""The queue of requests in the back-office: what is asked, what would come of it, the decision."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from balances.enums import BalanceStatus
from tests.back_office import signed_in
from tests.books import amount_of, balance_of, fund, make_user, post_one, transfer, withdrawal
from tests.pages import said, text_of
from transactions.approval_model import Approval
from transactions.approvals import request_approval
from transactions.asked import (
    Adjustment,
    Asked,
    Direction,
    Freeze,
    LimitChange,
    ReversalAsked,
)
from transactions.limits import set_limit
from transactions.models import Transaction, TransactionLimit
from users.actors import Actor
from users.models import User
from users.roles import Role

QUEUE = reverse("admin:transactions_approval_changelist")


@pytest.fixture
def second(db: None) -> User:
    return make_user("second", Role.FINANCE)


def ask(asked: Asked, by: User, reason: str = "as agreed") -> Approval:
    return request_approval(asked=asked, reason=reason, by=Actor.of(by))


def debit(user: User, minor: int) -> Asked:
    return Adjustment(user_id=user.pk, currency="USD", amount=minor, direction=Direction.DEBIT)


def path_of(approval: Approval, what: str = "change") -> str:
    return reverse(f"admin:transactions_approval_{what}", args=[approval.pk])


def shown(client: Client, approval: Approval, **fields: str) -> dict[str, Any]:
    """What the form of the decision sends back of what the page showed."""
    return {"seen": client.get(path_of(approval)).context["seen"], **fields}


def decide(client: Client, approval: Approval, what: str, sent: dict[str, Any]) -> str:
    """The last thing said then."""
    answer = client.post(path_of(approval, what), sent)
    assert answer.headers["Location"] == path_of(approval)
    return said(answer)[-1]


def status_of(approval: Approval) -> str:
    return str(Approval.objects.get(pk=approval.pk).status)


def test_request_is_shown_with_what_would_come_of_it_and_approved_once(
    finance: User, second: User, alice: User
) -> None:
    fund(alice, "100.00")
    asked = ask(debit(alice, 3_000), finance, reason="Fee & fine")
    client = signed_in(second)
    page = client.get(path_of(asked))
    text = text_of(page.content)
    assert "Debit 30.00 USD from alice" in text
    assert "Fee & fine" in text
    assert "alice 100.00 USD 70.00 USD" in text
    assert "Approve 30.00 USD" in text
    sent = shown(client, asked, comment="Looks right")
    assert decide(client, asked, "approve", sent) == "Approved, and done."
    assert decide(client, asked, "approve", sent) == "The request was approved by second."
    made = Approval.objects.get()
    assert (made.decided_by, made.comment, amount_of(alice)) == (second, "Looks right", 7_000)
    assert made.transaction is not None
    transaction = reverse("admin:transactions_transaction_change", args=[made.transaction.pk])
    assert transaction in client.get(path_of(asked)).content.decode()
    timeline = text_of(client.get(transaction).content)
    assert "Asked for by finance" in timeline
    assert "Approved by second" in timeline
    assert "Debit 30.00 USD from alice Approved" in timeline


def test_nobody_approves_what_they_asked_for(finance: User, alice: User) -> None:
    fund(alice, "100.00")
    asked = ask(debit(alice, 3_000), finance)
    client = signed_in(finance)
    page = client.get(path_of(asked)).content.decode()
    assert path_of(asked, "approve") not in page
    assert path_of(asked, "reject") not in page
    sent = shown(client, asked, comment="mine")
    for what in ("approve", "reject"):
        said_then = decide(client, asked, what, sent)
        assert said_then == "You asked for this: somebody else must decide."
    assert (status_of(asked), amount_of(alice)) == ("requested", 10_000)
    assert decide(client, asked, "withdraw", {}) == "Withdrawn: nothing was done."
    assert status_of(asked) == "withdrawn"


def test_stale_page_approves_nothing(finance: User, second: User, alice: User, bob: User) -> None:
    fund(alice, "100.00")
    paid = post_one(transfer(alice, bob, "30.00")).transaction
    assert paid is not None
    asked = ask(ReversalAsked(transaction_id=paid.pk), finance)
    client = signed_in(second)
    sent = shown(client, asked)
    post_one(withdrawal(bob, "1.00"))
    assert decide(client, asked, "approve", sent) == (
        "bob's balance has changed: posted 30.00 USD is now 29.00 USD, "
        "available 30.00 USD is now 29.00 USD. Look at it again: nothing was decided."
    )
    assert status_of(asked) == "requested"


def test_limit_that_was_changed_meanwhile_is_looked_at_again(
    finance: User, second: User, alice: User
) -> None:
    asked = ask(LimitChange(currency="USD", user_id=alice.pk, per_day=50_000), finance)
    client = signed_in(second)
    sent = shown(client, asked)
    system = Actor.system("tests")
    set_limit(subject=alice, currency="USD", per_transaction=None, per_day=7, by=system)
    assert decide(client, asked, "approve", sent) == (
        "The limits have changed: in a day no limit is now 0.07 USD. "
        "Look at it again: nothing was decided."
    )
    assert status_of(asked) == "requested"
    assert decide(client, asked, "approve", shown(client, asked)) == "Approved, and done."
    assert TransactionLimit.objects.get(user=alice).per_day == 50_000


def test_nothing_is_approved_unseen_or_by_what_another_page_showed(
    finance: User, second: User, alice: User, bob: User
) -> None:
    for user in (alice, bob):
        fund(user, "100.00")
    asked, other = ask(debit(alice, 3_000), finance), ask(debit(bob, 3_000), finance)
    client = signed_in(second)
    for sent in ({}, {"seen": "nonsense"}, shown(client, other)):
        told = decide(client, asked, "approve", sent)
        assert told == "Look at what would come of it now, then approve it."
    assert (status_of(asked), amount_of(alice)) == ("requested", 10_000)


@pytest.mark.parametrize("what", ["approve", "reject", "withdraw"])
def test_comment_that_is_too_long_is_refused_and_not_cut(
    finance: User, second: User, alice: User, what: str
) -> None:
    fund(alice, "100.00")
    asked = ask(debit(alice, 3_000), finance)
    client = signed_in(finance if what == "withdraw" else second)
    told = decide(client, asked, what, shown(client, asked, comment="x" * 256))
    assert told == "Say it in 255 characters at most; these are 256."
    assert (status_of(asked), amount_of(alice)) == ("requested", 10_000)
    lines = "first line\r\n" + "x" * 244  # browsers count a line break as one
    decide(client, asked, what, shown(client, asked, comment=lines))
    assert Approval.objects.get().comment == lines.replace("\r", "")


def test_freeze_is_approved(finance: User, second: User, alice: User) -> None:
    fund(alice, "100.00")
    status = BalanceStatus.FROZEN
    asked = ask(Freeze(user_id=alice.pk, currency="USD", status=status), finance)
    client = signed_in(second)
    text = text_of(client.get(path_of(asked)).content)
    assert "The balance of alice is active now, and frozen after." in text
    decide(client, asked, "approve", shown(client, asked))
    assert balance_of(alice).status == status
    unfreeze = text_of(client.get(reverse("admin:users_user_change", args=[alice.pk])).content)
    assert "Unfreeze" in unfreeze


def test_rejection_needs_a_comment(finance: User, second: User, alice: User) -> None:
    fund(alice, "100.00")
    asked = ask(debit(alice, 3_000), finance)
    client = signed_in(second)
    assert decide(client, asked, "reject", {"comment": " "}).startswith("Say why")
    assert decide(client, asked, "reject", {"comment": "No"}) == "Rejected: nothing was done."
    assert "Rejected by second No" in text_of(client.get(path_of(asked)).content)
    assert (status_of(asked), amount_of(alice)) == ("rejected", 10_000)


def test_what_would_be_refused_is_told_before_and_after(
    finance: User, second: User, alice: User
) -> None:
    fund(alice, "10.00")
    asked = ask(debit(alice, 3_000), finance)
    client = signed_in(second)
    why = "Not enough is available: alice has 10.00 USD."
    page = client.get(path_of(asked)).content
    assert f"It can't be approved now: it would be refused. {why}" in text_of(page)
    assert path_of(asked, "approve") not in page.decode()
    assert path_of(asked, "reject") in page.decode()
    told = decide(client, asked, "approve", shown(client, asked))
    assert told.startswith("Approved, but it could not be done: ")
    assert (status_of(asked), amount_of(alice)) == ("failed", 1_000)


def test_queue_shows_what_waits_and_how_much(
    finance: User, second: User, auditor: User, alice: User
) -> None:
    fund(alice, "100.00")
    first, other = (ask(debit(alice, minor), finance) for minor in (1, 2))
    client = signed_in(second)
    decide(client, first, "reject", {"comment": "No"})
    assert list(client.get(QUEUE).context["cl"].result_list) == [other]
    assert list(client.get(QUEUE, {"status": "rejected"}).context["cl"].result_list) == [first]
    assert client.get(QUEUE, {"status": "all"}).context["cl"].result_count == 2
    page = client.get(QUEUE).content.decode()
    assert ">1</span>" in page
    assert "Select record" not in page  # how the first column would be called on a phone
    for reader in (finance, auditor):  # who asked, and who may not decide
        assert "min-w-[18px]" not in signed_in(reader).get(QUEUE).content.decode()
    decide(client, other, "reject", {"comment": "No"})
    assert "min-w-[18px]" not in client.get(QUEUE).content.decode()


def test_auditor_reads_and_decides_nothing(finance: User, auditor: User, alice: User) -> None:
    fund(alice, "100.00")
    asked = ask(debit(alice, 3_000), finance)
    page = signed_in(auditor).get(path_of(asked)).content.decode()
    for what in ("approve", "reject", "withdraw"):
        assert path_of(asked, what) not in page
    assert "Debit 30.00 USD from alice" in page


def test_expired_request_offers_no_decision(
    settings: Settings, finance: User, second: User, alice: User
) -> None:
    fund(alice, "100.00")
    settings.APPROVAL_DAYS = 1e-9
    asked = ask(debit(alice, 3_000), finance)
    client = signed_in(second)
    page = client.get(path_of(asked))
    assert "Expired" in text_of(page.content)
    assert path_of(asked, "approve") not in page.content.decode()
    told = decide(client, asked, "reject", {"comment": "late"})
    assert told == "Nobody decided in time. Ask for it again."


def test_request_is_on_the_pages_of_those_it_is_about(
    finance: User, second: User, alice: User, bob: User
) -> None:
    fund(alice, "100.00")
    paid = post_one(transfer(alice, bob, "30.00")).transaction
    assert isinstance(paid, Transaction)
    asked = ask(ReversalAsked(transaction_id=paid.pk, amount=500), finance)
    client = signed_in(second)
    pages = (
        reverse("admin:users_user_change", args=[bob.pk]),
        reverse("admin:transactions_transaction_change", args=[paid.pk]),
    )
    for page in pages:
        assert path_of(asked) in client.get(page).content.decode()
