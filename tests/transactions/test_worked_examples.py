"""The books after a day's business, as an accountant would check them.

Debit and credit are seen from the balances: money that comes in is positive, money that leaves is
negative, and `external` is the world outside.
"""

import pytest

from balances.enums import House
from balances.models import Balance, BalanceHistory
from balances.money import format_amount
from tests.books import (
    capture,
    deposit,
    fund,
    hold,
    post_one,
    reverse,
    standing,
    transfer,
    withdrawal,
)
from transactions.instructions import Outcome
from transactions.models import Transaction
from transactions.processor import post_directly
from users.models import User

pytestmark = pytest.mark.django_db


def journal() -> str:
    """Every ledger entry in the order of writing: account, movement, balance after it."""
    entries = BalanceHistory.objects.select_related("balance__user").order_by("id")
    return "\n".join(
        f"{e.balance.owner_name:<15} {e.balance.currency} "
        f"{format_amount(e.delta, e.balance.currency):>8} "
        f"{format_amount(e.amount_after, e.balance.currency):>8}"
        for e in entries
    )


def trial_balance(currency: str) -> str:
    """Every balance of a currency by name, and their sum."""
    rows = Balance.objects.filter(currency=currency).select_related("user")
    balances = sorted(rows, key=lambda balance: balance.owner_name.lower())
    lines = [f"{b.owner_name:<15} {format_amount(b.amount, currency):>8}" for b in balances]
    total = format_amount(sum(b.amount for b in balances), currency)
    return "\n".join([*lines, f"{'total':<15} {total:>8}"])


def table(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def statuses() -> list[str]:
    rows = Transaction.objects.order_by("id").values_list("type", "status", "failure_code")
    return [" ".join(filter(None, row)) for row in rows]


def test_deposit_transfer_withdrawal_and_refusal(alice: User, bob: User) -> None:
    post_directly(
        [
            deposit(alice, "100.00", description="Alice pays in"),
            transfer(alice, bob, "40.00", description="Alice pays Bob"),
            withdrawal(bob, "15.50", description="Bob draws some of it"),
            transfer(bob, alice, "24.51", description="One cent more than Bob has"),
            transfer(bob, alice, "24.50", description="All that Bob has"),
        ]
    )
    assert journal() == table(
        """
        House: External USD  -100.00  -100.00
        alice           USD   100.00   100.00
        alice           USD   -40.00    60.00
        bob             USD    40.00    40.00
        bob             USD   -15.50    24.50
        House: External USD    15.50   -84.50
        bob             USD   -24.50     0.00
        alice           USD    24.50    84.50
        """
    )
    assert trial_balance("USD") == table(
        """
        alice              84.50
        bob                 0.00
        House: External   -84.50
        total               0.00
        """
    )
    assert statuses() == [
        "deposit completed",
        "transfer completed",
        "withdrawal completed",
        "transfer failed insufficient_funds",
        "transfer completed",
    ]


def test_two_currencies_are_two_books(alice: User, bob: User) -> None:
    post_directly(
        [
            deposit(alice, "10.00", "EUR"),
            deposit(alice, "1000", "JPY"),
            transfer(alice, bob, "0.01", "EUR"),
            transfer(alice, bob, "1", "JPY"),
        ]
    )
    assert trial_balance("EUR") == table(
        """
        alice               9.99
        bob                 0.01
        House: External   -10.00
        total               0.00
        """
    )
    assert trial_balance("JPY") == table(
        """
        alice                999
        bob                    1
        House: External    -1000
        total                  0
        """
    )


def test_invoice_that_is_paid_in_full_or_not_at_all(alice: User, bob: User, charlie: User) -> None:
    """Alice owes Bob 70 and Charlie 40 for one job and has 100: neither is paid."""
    fund(alice, "100.00")

    def pay() -> list[Outcome]:
        return post_directly(
            [
                transfer(alice, bob, "70.00", group="job"),
                transfer(alice, charlie, "40.00", group="job"),
            ]
        )

    assert [type(outcome.error).__name__ for outcome in pay()] == [
        "GroupRefused",
        "InsufficientFunds",
    ]
    assert post_one(deposit(alice, "10.00")).error is None
    assert [outcome.error for outcome in pay()] == [None, None]
    assert statuses() == [
        "deposit completed",
        "transfer failed insufficient_funds",
        "deposit completed",
        "transfer completed",
        "transfer completed",
    ]
    assert journal() == table(
        """
        House: External USD  -100.00  -100.00
        alice           USD   100.00   100.00
        House: External USD   -10.00  -110.00
        alice           USD    10.00   110.00
        alice           USD   -70.00    40.00
        bob             USD    70.00    70.00
        alice           USD   -40.00     0.00
        charlie         USD    40.00    40.00
        """
    )


def test_house_accounts_mirror_what_users_hold(alice: User, bob: User) -> None:
    fund(alice, "12.34")
    fund(bob, "56.78")
    held = Balance.objects.filter(user__isnull=False).values_list("amount", flat=True)
    outside = Balance.objects.get(house=House.EXTERNAL).amount
    assert sum(held) == -outside == 6_912


def test_order_that_is_authorised_shipped_in_part_and_refunded_in_part(
    alice: User, bob: User
) -> None:
    """Alice orders for 60; Bob ships 45 of it, one item of 20 comes back damaged."""
    fund(alice, "100.00")
    order = hold(alice, bob, "60.00", reference="order 7")
    assert standing(alice)[:3] == (10_000, 6_000, 4_000)
    post_one(capture(order, "45.00"))
    assert standing(alice)[:3] == (5_500, 0, 5_500)
    post_one(reverse(order, "20.00", reason="item 3 was damaged"))
    assert journal() == table(
        """
        House: External USD  -100.00  -100.00
        alice           USD   100.00   100.00
        alice           USD   -45.00    55.00
        bob             USD    45.00    45.00
        bob             USD   -20.00    25.00
        alice           USD    20.00    75.00
        """
    )
    assert trial_balance("USD") == table(
        """
        alice              75.00
        bob                25.00
        House: External  -100.00
        total               0.00
        """
    )
    assert statuses() == ["deposit completed", "transfer completed", "reversal completed"]


def test_chargeback_of_money_that_is_spent_is_owed(alice: User, bob: User) -> None:
    """Alice's deposit is charged back after she has paid Bob with it: Bob keeps his money, Alice
    owes hers, and pays the debt off with her next deposit."""
    paid_in = fund(alice, "50.00")
    post_one(transfer(alice, bob, "50.00"))
    assert post_one(reverse(paid_in, reason="chargeback")).error is not None
    post_one(reverse(paid_in, reason="chargeback", allow_overdraft=True))
    assert trial_balance("USD") == table(
        """
        alice             -50.00
        bob                50.00
        House: External     0.00
        total               0.00
        """
    )
    post_one(deposit(alice, "80.00"))
    assert trial_balance("USD") == table(
        """
        alice              30.00
        bob                50.00
        House: External   -80.00
        total               0.00
        """
    )
    assert statuses() == [
        "deposit completed",
        "transfer completed",
        "reversal failed insufficient_funds",
        "reversal completed",
        "deposit completed",
    ]
