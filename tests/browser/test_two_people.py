"""One member of staff asks, another decides, and only then does anything happen."""

from playwright.sync_api import expect

from tests.browser.desk import Desk
from tests.e2e.world import register
from tests.servers import LedgerServer


def approve_newest(controller: Desk) -> None:
    """From the sidebar to the request at the top, and yes."""
    controller.go()
    controller.page.get_by_role("link", name="Approvals").first.click()
    controller.rows().first.get_by_role("link").first.click()
    controller.press("Approve")
    controller.sees("Approved, and done.")


def ask(finance: Desk, action: str, **fields: str) -> None:
    finance.preview(action, **fields)
    finance.press("Ask for approval")
    finance.sees("asked for: somebody else must approve it", "You asked for this")
    expect(finance.page.get_by_role("button", name="Approve")).to_have_count(0)


def test_adjustment_is_asked_for_by_one_and_approved_by_another(
    finance: Desk, controller: Desk, server: LedgerServer
) -> None:
    customer = register(server, "10.00")
    finance.find_customer(customer.username)
    ask(finance, "Adjust", direction="credit", amount="2.50", reason="Fee charged twice")
    assert customer.amount() == "10.00"
    approve_newest(controller)
    assert customer.amount() == "12.50"
    controller.page.locator(".dossier-details").get_by_role("link").first.click()
    expect(controller.page.locator(".dossier-amount")).to_have_text("2.50 USD")
    controller.sees("finance", "controller", "12.50 USD")
    finance.page.reload()
    finance.sees("Approved")


def test_half_of_a_transfer_is_reversed(
    finance: Desk, controller: Desk, server: LedgerServer
) -> None:
    payer, receiver = register(server, "100.00"), register(server)
    paid = payer.transfer(receiver, "40.00").json()["id"]
    finance.go(f"transactions/transaction/{paid}/change/")
    ask(finance, "Reverse", amount="20", reason="Half of the goods came back")
    approve_newest(controller)
    assert (payer.amount(), receiver.amount()) == ("80.00", "20.00")
    finance.go(f"transactions/transaction/{paid}/change/")
    finance.sees("Partly reversed", "20.00 USD of 40.00 USD given back, 20.00 USD left.")


def test_frozen_customer_is_refused_in_a_sentence(
    finance: Desk, controller: Desk, server: LedgerServer
) -> None:
    customer, other = register(server, "50.00"), register(server)
    finance.find_customer(customer.username)
    ask(finance, "Freeze", status="debits_frozen", reason="Card reported stolen")
    approve_newest(controller)
    refused = customer.transfer(other, "5.00").json()["transaction_id"]
    finance.go(f"transactions/transaction/{refused}/change/")
    finance.sees("No money moved: The balance is frozen.")
    finance.find_customer(customer.username)
    finance.sees("Nothing available while it is frozen; 50.00 USD without the freeze")
    expect(finance.page.get_by_role("link", name="Withdraw")).to_have_count(0)
    assert customer.amount() == "50.00"
