"""The first page of the back-office: every number is what the list behind it holds."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Verification
from audit.sealing import seal_trail
from audit.verification import Finding, Report, verify_trail
from audit.verification import keep as keep_verification
from balances.enums import BalanceStatus, House
from balances.reconciliation import Proof
from tests.back_office import sign_in, signed_in
from tests.books import (
    cancel,
    capture,
    expire,
    fund,
    hold,
    instruction,
    make_user,
    post_one,
    transfer,
    withdrawal,
)
from tests.books import reverse as reversal_of
from tests.clock import Clock, key_made_at
from transactions.approvals import request_approval
from transactions.asked import Freeze
from transactions.dashboard import holdings
from transactions.enums import TransactionType
from transactions.processor import post_directly
from transactions.reconciliation import keep, reconcile
from users.actors import Actor
from users.models import User
from users.roles import Role

pytestmark = pytest.mark.django_db
FIRST_PAGE = "admin:index"
COUNT = re.compile(r"([0-9,]+)(?: transactions?| in 30 days| records?)?")
MONEY = re.compile(r"(-?[0-9,.]+) [A-Z]{3}")


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch, alice: User, bob: User) -> None:
    """Something of everything: forty days ago, three days ago and now."""
    clock = Clock(monkeypatch, timezone.now())
    now = clock.now
    for days, amount in ((40, "5000.00"), (3, "300.00")):
        clock.now = now - timedelta(days=days)
        fund(alice, amount)
        fund(alice, amount, "EUR")
        key = key_made_at(clock.now)
        post_one(transfer(bob, alice, "900.00", id=key))  # refused
    clock.now = now
    moved = post_one(transfer(alice, bob, "30.50")).transaction
    assert moved is not None
    post_directly([transfer(alice, bob, "7.00", "EUR"), withdrawal(bob, "0.25")])
    post_one(instruction(TransactionType.ADJUSTMENT, House.ADJUSTMENTS, alice, "1.00"))
    post_directly([reversal_of(moved, "10.00"), transfer(bob, alice, "800.00")])
    first, second, third, _fourth = (hold(alice, bob, "2.00") for _ in range(4))
    post_directly([capture(first, "1.50"), cancel(second)])
    expire(third)
    post_one(transfer(bob, alice, "1.00", "EUR", expected_version=99))  # refused
    asking = Actor.of(make_user("asking", Role.FINANCE))
    for currency in ("USD", "EUR"):
        asked = Freeze(user_id=alice.pk, currency=currency, status=BalanceStatus.FROZEN)
        request_approval(asked=asked, reason="card stolen", by=asking)
    seal_trail(settled=timedelta(0))
    fund(bob, "0.01")


def first_page(client: Client, **query: str) -> str:
    response = client.get(reverse(FIRST_PAGE), query)
    assert response.status_code == 200
    page = response.content.decode()
    return page[page.index('id="content-main"') :]


def links(page: str) -> list[tuple[str, str]]:
    """Address and text of each."""
    found = re.findall(r'<a [^>]*?href="([^"]*)"[^>]*>\s*(.*?)\s*</a>', page, re.DOTALL)
    return [(unescape(address), text) for address, text in found]


def panels(page: str) -> set[str]:
    return set(re.findall(r'<section class="dossier-panel" id="([^"]*)"', page))


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize(("currency", "numbers"), [("USD", (25, 29)), ("EUR", (19, 18))])
def test_every_number_is_what_the_list_behind_it_holds(
    currency: str, numbers: tuple[int, int]
) -> None:
    client = sign_in("auditor")
    counts, sums = 0, 0
    found = links(first_page(client, currency=currency))
    # Lists first: to look at a balance lets go what has expired there, which is recorded.
    for address, text in sorted(found, key=lambda link: "/change/" in link[0]):
        if address.startswith("?"):  # to this page, in another currency
            continue
        behind = client.get(address)
        assert behind.status_code == 200, address
        listed = behind.context.get("cl")
        assert listed is None or not listed.others, address  # each filter has its words
        if count := COUNT.fullmatch(text):
            counts += 1
            assert behind.context["cl"].result_count == int(count[1].replace(",", "")), address
        elif amount := MONEY.fullmatch(text):
            sums += 1
            minor = int(re.sub("[,.]", "", amount[1]))
            assert amount_behind(address, behind.context) == minor, address
    assert (counts, sums) == numbers


@pytest.mark.usefixtures("books")
def test_every_number_has_a_list_behind_it() -> None:
    page = first_page(sign_in("auditor"))
    plain = re.sub(r"<(a|canvas|time|small)\b.*?</\1>", "", page, flags=re.DOTALL)
    left = unescape(re.sub("<[^>]*>", " ", plain))
    assert set(re.findall(r"([0-9][0-9.,]*) (\w+)", left)) == {("30", "days")}


@pytest.mark.usefixtures("books")
def test_what_i_asked_for_myself_is_a_link_to_it() -> None:
    page = first_page(signed_in(User.objects.get(username="asking")))
    (address,) = [address for address, text in links(page) if "requested_by" in address]
    assert "of them asked for by you" in page
    client = sign_in("auditor")
    listed = client.get(address).context["cl"]
    assert len(listed.result_list) == 2
    assert [text for text, _ in listed.chips][1:] == ["Asked for by asking"]


def large(client: Client) -> tuple[str, str, int]:
    """What is said about how many are large, and how many the list behind it holds."""
    page = first_page(client)
    part = page[page.index('id="large"') :]
    (address, text) = links(part[part.index('class="dossier-more"') :])[0]
    listed = client.get(address).context["cl"]
    return text, listed.chips[1][0], len(listed.result_list)


def test_large_movements_are_those_of_the_list_whatever_ties_there_are(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "LARGE", 3)
    client = sign_in("auditor")
    fund(alice, "5.00")
    fund(alice, "4.00")
    assert large(client) == ("2", "Amount from 4.00", 2)
    fund(alice, "4.00")
    fund(alice, "4.00")
    assert large(client) == ("1", "Amount from 5.00", 1)  # four of 4.00 and more are too many
    for _ in range(4):
        fund(alice, "9.00")
    assert large(client) == ("more than 3", "Amount from 9.00", 4)


def amount_behind(address: str, context: Any) -> int:
    """Minor units: of all rows of a list, or of the balance that a page is about."""
    if "cl" not in context:
        return int(context["original"].amount)
    field = "held" if "held__gt" in address else "amount"
    return sum(getattr(row, field) for row in context["cl"].result_list)


@pytest.mark.usefixtures("books")
def test_sums_are_of_the_chosen_currency_and_of_one_that_is_there() -> None:
    client = sign_in("finance")
    euro = first_page(client, currency="EUR")
    assert "Completed transactions in EUR" in euro
    assert 'href="?currency=EUR" aria-current="true"' in euro
    for odd in ("XXX", "", "<script>"):
        assert "Completed transactions in USD" in first_page(client, currency=odd)
    assert re.search(r'id="moved".*?>30\.50 USD<', euro, re.DOTALL) is None


PANELS = {
    "transactions.view_transaction": {
        "moved", "pending", "refused-today", "activity", "refused", "large",
    },
    "balances.view_balance": {"held-for-users", "balances"},
    "transactions.view_approval": {"to-approve", "approvals"},
    "transactions.view_reconciliation": {"health"},
    "audit.view_verification": {"health"},
    "audit.view_seal": {"health"},
    "users.view_user": set(),
}  # fmt: skip


@pytest.mark.usefixtures("books")
def test_what_a_role_may_not_see_is_not_shown() -> None:
    client = sign_in("auditor")
    group = Group.objects.get(name=Role.AUDITOR.value)
    assert panels(first_page(client)) == set().union(*PANELS.values())
    shown = {}
    for name in PANELS:
        app, codename = name.split(".")
        group.permissions.set(
            Permission.objects.filter(content_type__app_label=app, codename=codename)
        )
        page = first_page(client)
        shown[name] = panels(page)
        for address, _text in links(page):
            assert address.startswith("?") or client.get(address).status_code == 200
    assert shown == PANELS


def test_first_page_of_fresh_books_says_what_there_is_to_come() -> None:
    page = first_page(sign_in("admin"))
    assert [text for _, text in links(page) if re.search("[1-9]", text)] == ["0 in 30 days"]
    for said in (
        "No money has moved in USD in the last 30 days.",
        "Nothing was refused in the last 30 days.",
        "No balance yet",
        "Nothing waits for a second person.",
        "The books were never proved. Ask your operators for a reconciliation.",
        "The trail was never compared with its seals. Ask your operators to do it.",
        "Nothing is sealed yet. Ask your operators for the first seal.",
    ):
        assert said in page
    assert "manage.py" not in page


def signs(page: str) -> list[tuple[str, str]]:
    """Label and text of each sign of health."""
    part = page[page.index('class="dashboard-signs"') :]
    plain = re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", part[: part.index("</dl>")]))
    return re.findall(r"(Reconciliation|Audit trail|Seals) (.*?)\.", unescape(plain))


@pytest.mark.usefixtures("books")
def test_health_is_as_the_last_runs_found_it() -> None:
    client, now = sign_in("auditor"), timezone.now()
    keep(reconcile(), started_at=now, took=timedelta(seconds=1))
    keep_verification(Report(unsealed=3), started_at=now, took=timedelta(seconds=1))
    unsealed = "Nothing sealed yet Looked at just now: there was no seal to go by"
    assert signs(first_page(client))[1] == ("Audit trail", unsealed)
    seal_trail(settled=timedelta(0))
    keep_verification(verify_trail(), started_at=now, took=timedelta(seconds=1))
    page = first_page(client)
    assert signs(page)[:2] == [
        ("Reconciliation", "Holds The rules of the books were checked just now"),
        ("Audit trail", "Whole Compared with its seals just now"),
    ]
    assert f"{Verification.objects.latest('pk').records} records" in [
        text for _, text in links(page)
    ]

    broken = Proof(1, "The entries of each currency sum to zero", 1, 2, ("USD", "EUR"))
    yesterday = now - timedelta(hours=30)
    run = keep([broken], started_at=yesterday, took=timedelta(seconds=1))
    found = Report(seals=1, broken=[Finding(1, "seal_changed", "was changed")])
    keep_verification(found, started_at=yesterday, took=timedelta(seconds=1))
    page = first_page(client)
    assert signs(page) == [
        ("Reconciliation", "Broken The rules of the books were checked 1 day ago"),
        ("Audit trail", "Broken Compared with its seals 1 day ago"),
        ("Seals", "No"),
    ]
    leads = reverse("admin:transactions_reconciliation_change", args=[run.pk])
    assert (leads, "2 breaches") in links(page)
    assert (leads, "Broken") in links(page)
    assert "1 difference" in [text for _, text in links(page)]
