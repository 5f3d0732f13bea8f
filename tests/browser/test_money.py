"""Money is moved from forms with a preview: once, and only from what was seen."""

from playwright.sync_api import expect

from tests.browser.desk import Desk
from tests.e2e.world import register
from tests.servers import LedgerServer


def test_deposit_confirmed_by_a_double_click_moves_money_once(
    finance: Desk, server: LedgerServer
) -> None:
    customer = register(server, "10.00")
    finance.find_customer(customer.username)
    finance.preview("Deposit", amount="1,234.50", description="Bank transfer")
    finance.sees("1,244.50 USD")
    finance.page.get_by_role("button", name="Deposit 1,234.50 USD").dblclick()
    finance.sees("Completed", "Bank transfer")
    expect(finance.page.locator(".dossier-amount")).to_have_text("1,234.50 USD")
    assert customer.amount() == "1244.50"
    assert len(customer.transaction_ids()) == 2


def test_amount_that_can_not_be_is_refused_in_plain_words(
    finance: Desk, server: LedgerServer
) -> None:
    customer = register(server, "10.00")
    finance.find_customer(customer.username)
    finance.follow("Withdraw")
    for typed, said in (
        ("ten", "“ten” is not an amount. Type it as 1234.50 or 1,234.50."),
        ("1.005", "For thousands, type 1,005 or 1005."),
        ("10.01", f"Not enough is available: {customer.username} has 10.00 USD."),
    ):
        finance.fill(amount=typed)
        finance.press("Preview")
        finance.sees(said)
    assert customer.amount() == "10.00"


def test_stale_preview_is_refused_with_what_changed(finance: Desk, server: LedgerServer) -> None:
    customer, other = register(server, "100.00"), register(server)
    finance.find_customer(customer.username)
    finance.preview("Withdraw", amount="60")
    assert customer.transfer(other, "30.00").status_code == 201
    finance.press("Withdraw 60.00 USD")
    finance.sees("balance has changed: posted 100.00 USD is now 70.00 USD")
    assert customer.amount() == "70.00"
    finance.press("Withdraw 60.00 USD")
    finance.sees("Completed")
    assert customer.amount() == "10.00"
