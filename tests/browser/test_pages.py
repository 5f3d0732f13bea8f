"""Every page that staff open day by day, on a desk and on a phone."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Download, ViewportSize, expect
from pypdf import PdfReader

from tests.browser.desk import DESKTOP, PHONE, Desk, Office
from tests.e2e.world import register
from tests.servers import LedgerServer

LISTS = (
    "transactions/transaction/",
    "balances/balance/",
    "balances/balancehistory/",
    "users/user/",
    "users/usernote/",
    "audit/auditlog/",
    "transactions/transactionlimit/",
    "transactions/idempotencykey/",
    "transactions/approval/?status=all",
    "transactions/reconciliation/",
    "balances/currency/",
    "audit/seal/",
    "audit/verification/",
)
FORMS = (
    *(f"transactions/transaction/{name}/" for name in ("deposit", "withdraw", "adjust")),
    *(f"transactions/transaction/{name}/" for name in ("freeze", "limit")),
    "password_change/",
    "second-factor/",
)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_page_is_wider_than_the_window(office: Office, size: ViewportSize) -> None:
    too_wide = {}
    with office.desk("admin", size) as desk:
        for path in ("", *LISTS, *FORMS):
            desk.go(path)
            too_wide[path] = desk.overflow
            if path in LISTS and (first := desk.first_of_list()):
                desk.go(first)
                too_wide[first] = desk.overflow
    assert {path: by for path, by in too_wide.items() if by > 0} == {}


HOSTILE = "<script>document.title='taken'</script>"
FORMULA = '=HYPERLINK("http://evil.example","Click")'


def test_hostile_text_is_shown_as_text(finance: Desk, server: LedgerServer) -> None:
    payer, receiver = register(server, "10.00"), register(server)
    fields: dict[str, Any] = {"description": HOSTILE, "metadata": {"note": HOSTILE}}
    made = payer.transfer(receiver, "1.00", reference=FORMULA, **fields).json()["id"]
    finance.go(f"transactions/transaction/{made}/change/")
    finance.sees(HOSTILE, FORMULA)
    finance.go(f"transactions/transaction/?q={made}")
    expect(finance.rows()).to_have_count(1)
    expect(finance.page).not_to_have_title("taken")


def test_filtered_list_is_exported_with_no_formula_in_it(
    finance: Desk, server: LedgerServer, tmp_path: Path
) -> None:
    payer, receiver = register(server, "10.00"), register(server)
    payer.transfer(receiver, "1.00", reference=FORMULA)
    payer.transfer(receiver, "100.00", reference="too much")
    finance.go(f"transactions/transaction/?q={payer.username}")
    finance.press("Filters")
    finance.page.locator("#list-filters").get_by_label("Status").select_option("completed")
    finance.press("Apply")
    expect(finance.rows()).to_have_count(2)
    with finance.page.expect_download() as download:
        finance.follow("Export as CSV")
    text = saved(download.value, tmp_path).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["Type"] for row in rows] == ["Transfer", "Deposit"]
    assert rows[0]["Reference"] == f"'{FORMULA}"


def test_statement_is_downloaded(finance: Desk, server: LedgerServer, tmp_path: Path) -> None:
    customer = register(server, "321.09")
    finance.find_customer(customer.username)
    with finance.page.expect_download() as download:
        finance.press("Download")
    text = PdfReader(saved(download.value, tmp_path)).pages[0].extract_text()
    assert customer.username in text
    assert "321.09" in text


def saved(download: Download, directory: Path) -> Path:
    path = directory / re.sub(r"[^\w.-]", "", download.suggested_filename)
    download.save_as(path)
    return path
