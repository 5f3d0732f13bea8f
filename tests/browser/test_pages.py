"""Every page that staff open day by day, on a desk and on a phone."""

import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Download, ViewportSize, expect
from pypdf import PdfReader

from tests.browser.desk import DESKTOP, PASSWORD, PHONE, Desk, Office
from tests.e2e.world import register
from tests.servers import LedgerServer
from tests.spreadsheets import cells

LISTS = (
    "transactions/transaction/",
    "balances/balance/",
    "balances/balancehistory/",
    "users/user/",
    "users/usernote/",
    "users/apikey/",
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
    "users/user/add/",
    "users/apikey/add/",
    "password_change/",
    "second-factor/",
    "users/",
)


def pages(desk: Desk, key: str) -> Iterator[str]:
    """Opens one page after the other, each list with its first row's page; `key` is an API key's
    number."""
    for path in ("", *LISTS, *FORMS, *(f"users/apikey/{key}/{deed}/" for deed in KEY_DEEDS)):
        desk.go(path)
        yield path
        if path in LISTS and (first := desk.first_of_list()):
            desk.go(first)
            yield first
    desk.find_customer("alice")
    customer = desk.page.url.partition("/admin/")[2]
    desk.go(customer.replace("/change/", "/account/"))
    yield "account"
    for action, fields in PREVIEWS.items():
        desk.go(customer)
        desk.preview(action, **fields)
        yield f"preview: {action}"
    desk.go("transactions/transaction/?type=deposit&status=completed")
    deposit = desk.first_of_list()
    assert deposit is not None
    desk.go(deposit.partition("change/")[0] + "reverse/")
    yield "reverse"


KEY_DEEDS = ("change", "rotate", "revoke")
PREVIEWS = {
    "Deposit": {"amount": "1,234.50"},
    "Withdraw": {"amount": "1"},
    "Adjust": {"direction": "credit", "amount": "1", "reason": "A fee was charged twice"},
    "Freeze": {"status": "frozen", "reason": "Card reported stolen"},
    "Change a limit": {"per_day": "5,000", "reason": "Buys a car"},
}


@pytest.fixture(scope="module")
def key(office: Office) -> str:
    """An API key's number."""
    with office.desk("admin") as desk:
        desk.go("users/apikey/add/")
        desk.fill(username="shop", name="web shop")
        desk.page.get_by_label("read", exact=True).check()
        desk.press("Add API key")
        desk.page.locator("#content-main").get_by_role("link").last.click()
        return desk.page.url.split("/")[-3]


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_fits_and_can_be_used_by_all(
    office: Office, key: str, size: ViewportSize, colours: str
) -> None:
    """That the browser's console says nothing, and which headers there are, is seen to by the
    desk."""
    with office.desk("admin", size, dark=colours == "dark") as desk:
        found = [f"{path}: {said}" for path in pages(desk, key) for said in desk.obstacles()]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_sign_in_page_fits_and_is_used_with_the_keyboard(
    office: Office, size: ViewportSize
) -> None:
    with office.desk(size=size) as desk:
        desk.go("login/")
        light = desk.obstacles()
        desk.reach("Dark")
        desk.page.keyboard.press("Enter")
        expect(desk.page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
        assert [*light, *desk.obstacles()] == []
        desk.page.get_by_label("Username").fill("auditor")
        desk.page.keyboard.press("Tab")
        desk.page.keyboard.type(PASSWORD)
        desk.page.keyboard.press("Enter")
        expect(desk.page.get_by_role("heading", name="Back-office")).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_menu_and_colours_are_chosen_with_the_keyboard(office: Office, size: ViewportSize) -> None:
    with office.desk("finance", size) as desk:
        desk.go("balances/balance/")
        if size == PHONE:
            desk.reach("Menu")
            desk.page.keyboard.press("Enter")
        desk.reach("finance")
        desk.page.keyboard.press("Enter")
        desk.reach("Dark", backwards=True)
        desk.page.keyboard.press("Enter")
        expect(desk.page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
        desk.reach("Users", backwards=True)
        desk.page.keyboard.press("Enter")
        expect(desk.page.get_by_role("heading", name="Users")).to_be_visible()
        assert desk.obstacles() == []


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
    files = {}
    for kind in ("CSV", "Excel"):
        with finance.page.expect_download() as download:
            finance.follow(f"Export as {kind}")
        files[kind] = saved(download.value, tmp_path)
    text = files["CSV"].read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["Type"] for row in rows] == ["Transfer", "Deposit"]
    assert rows[0]["Reference"] == f"'{FORMULA}"
    assert files["Excel"].suffix == ".xlsx"
    head, *sheet = cells(files["Excel"].read_bytes())
    place = {title: column for column, (_kind, title) in head.items()}
    assert [row[place["Type"]] for row in sheet] == [
        ("inlineStr", "Transfer"),
        ("inlineStr", "Deposit"),
    ]
    assert sheet[0][place["Reference"]] == ("inlineStr", FORMULA)  # text, whatever it looks like
    assert [Decimal(row[place["Amount"]][1]) for row in sheet] == [Decimal(1), Decimal(10)]
    assert {row[place["From"]][1] for row in sheet} == {payer.username, "House: External"}


def test_statement_is_downloaded(finance: Desk, server: LedgerServer, tmp_path: Path) -> None:
    customer = register(server, "321.09")
    finance.find_customer(customer.username)
    with finance.page.expect_download() as download:
        finance.press("Download")
    text = PdfReader(saved(download.value, tmp_path)).pages[0].extract_text()
    assert customer.username in text
    assert "321.09" in text


@pytest.mark.parametrize(("path", "part"), [("docs", ".opblock"), ("redoc", "[data-section-id]")])
def test_pages_of_the_api_are_drawn(path: str, part: str, office: Office) -> None:
    """Within what they may load and run: else the browser's console would tell the desk."""
    with office.desk() as desk:
        desk.page.goto(f"{desk.url}/api/{path}")
        expect(desk.page.locator(part).first).to_be_visible()


def saved(download: Download, directory: Path) -> Path:
    path = directory / re.sub(r"[^\w.-]", "", download.suggested_filename)
    download.save_as(path)
    return path
