"""Lists in a real browser: filtered with the keyboard alone, turned over, exported."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize, expect

from tests.browser.desk import DESKTOP, PHONE, Office
from tests.browser.test_pages import saved
from tests.e2e.world import register
from tests.servers import LedgerServer


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_list_is_filtered_with_the_keyboard_and_exported(
    office: Office, server: LedgerServer, tmp_path: Path, size: ViewportSize
) -> None:
    payer, receiver = register(server, "5000.00"), register(server)
    for amount in ("1234.50", "20.00"):
        payer.transfer(receiver, amount, reference="=1+1")
    with office.desk("auditor", size) as desk:
        desk.go("transactions/transaction/")
        desk.page.keyboard.press("/")
        desk.page.keyboard.type(payer.username)
        desk.reach("Filters")
        desk.page.keyboard.press("Enter")
        expect(desk.page.get_by_label("Amount from")).to_be_visible()
        desk.reach("Amount from")
        desk.page.keyboard.type("1,000")
        desk.page.keyboard.press("Enter")
        expect(desk.rows()).to_have_count(2)
        desk.sees("1,234.50 USD", "5,000.00 USD", "Amount from 1,000")
        assert desk.overflow == 0
        with desk.page.expect_download() as download:
            desk.page.get_by_role("link", name="Export as CSV").click()
        with saved(download.value, tmp_path).open(newline="") as file:
            rows = [(row["Amount"], row["Reference"]) for row in csv.DictReader(file)]
        assert rows == [("1234.50", "'=1+1"), ("5000.00", "")]
        desk.page.get_by_role("link", name="Amount from 1,000").press("Enter")
        expect(desk.rows()).to_have_count(3)
