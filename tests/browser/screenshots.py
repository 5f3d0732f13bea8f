"""Pictures of the main pages for the documents: `python -m tests.browser.screenshots`."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from bench.servers.process import REPOSITORY, run
from tests.browser.desk import PHONE, Desk, Office, launch
from tests.servers import LedgerServer

IMAGES = REPOSITORY / "docs" / "images"
COLOURS = 256
COMMANDS = (
    ("manage.py", "migrate", "--verbosity", "0"),
    ("-m", "tests.browser.month"),
    ("manage.py", "seed_demo"),
    ("manage.py", "seal_audit"),
    ("manage.py", "verify_audit"),
    ("manage.py", "reconcile"),
)


@contextmanager
def month() -> Iterator[LedgerServer]:
    """A server with a month of business."""
    with tempfile.TemporaryDirectory() as directory:
        env = {
            "APP_ENV": "development",
            "LOGNAME": "operator",  # as who runs the commands is kept with what they find
            "DB_HOST": "",
            "REDIS_HOST": "",
            "RATELIMIT_ENABLE": "false",
            "SQLITE_PATH": str(Path(directory, "pictures.sqlite3")),
        }
        for command in COMMANDS:
            run(["/usr/bin/env", *(f"{k}={v}" for k, v in env.items()), sys.executable, *command])
        with LedgerServer(env, workers=1) as server:
            yield server


def keep(desk: Desk, name: str) -> None:
    """The window as it is, in few colours."""
    desk.page.wait_for_load_state("networkidle")
    path = IMAGES / f"back-office-{name}.png"
    desk.page.screenshot(path=path, animations="disabled", caret="hide")
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size // 1024} KB")


def on_the_way_in(desk: Desk) -> None:
    desk.go("login/")
    keep(desk, "sign-in")


def at_a_desk(desk: Desk) -> None:
    """As finance; what would move money is shown, and nothing is confirmed."""
    desk.go()
    keep(desk, "dashboard")
    desk.go("transactions/transaction/")
    desk.press("Filters")
    keep(desk, "transactions")
    desk.find_customer("dora")
    keep(desk, "customer")
    desk.preview("Deposit", amount="1,234.50", description="Bank transfer", reference="BT-2291")
    keep(desk, "deposit")
    desk.go("transactions/transaction/?q=order+1043&status=completed")
    desk.rows().last.get_by_role("link").first.click()
    desk.page.locator(".dossier-amount").wait_for()
    keep(desk, "transaction")
    desk.find_customer("emil")
    desk.follow("Withdraw")
    desk.fill(amount="9,000")
    desk.press("Preview")
    desk.sees("Not enough is available")
    keep(desk, "refusal")
    desk.go("transactions/approval/?status=all")
    keep(desk, "approvals")
    desk.go("transactions/approval/")
    desk.rows().first.get_by_role("link").first.click()
    desk.page.get_by_role("button", name="Approve").wait_for()
    keep(desk, "approval")
    desk.go("audit/auditlog/")
    keep(desk, "audit")
    desk.go("transactions/reconciliation/")
    desk.rows().first.get_by_role("link").first.click()
    keep(desk, "reconciliation")


def at_night(desk: Desk) -> None:
    desk.go()
    keep(desk, "dark")


def on_a_phone(desk: Desk) -> None:
    desk.find_customer("dora")
    keep(desk, "phone")


def main() -> None:
    with month() as server, sync_playwright() as playwright, launch(playwright) as browser:
        office = Office(browser, server.url)
        with office.desk() as desk:
            on_the_way_in(desk)
        with office.desk("finance") as desk:
            at_a_desk(desk)
        with office.desk("finance", dark=True) as desk:
            at_night(desk)
        with office.desk("finance", PHONE) as desk:
            on_a_phone(desk)


if __name__ == "__main__":
    main()
