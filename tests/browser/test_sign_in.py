"""How staff come in: with a password, and with a second factor where they have one."""

import re
import time
from base64 import b32decode

from django_otp.oath import TOTP
from playwright.sync_api import expect

from tests.browser.desk import Desk, Office
from users.api_keys import PREFIX


def code_of(secret: str, *, later: int = 0) -> str:
    """What the authenticator app shows, or shows `later` half minutes from now."""
    app = TOTP(b32decode(secret))
    app.time = time.time() + 30 * later
    return f"{app.token():06d}"


def enter(desk: Desk, code: str, button: str) -> None:
    desk.page.locator("#id_code").fill(code)
    desk.press(button)


def test_wrong_password_and_customers_stay_outside(office: Office) -> None:
    with office.desk() as desk:
        desk.sign_in("finance", "not-the-password")
        desk.sees("Please enter the correct")
        desk.sign_in("alice")
        desk.sees("Please enter the correct")


def test_second_factor_is_set_up_and_asked_for(office: Office) -> None:
    with office.desk() as desk:
        desk.sign_in("auditor")
        desk.go("second-factor/")
        desk.follow("Set up")
        secret = re.sub(r"\s", "", desk.page.locator(".ledger-secret").inner_text())
        enter(desk, code_of(secret), "Turn two-step sign-in on")
        expect(desk.page.locator("#recovery-codes li")).to_have_count(10)
        recovery = desk.page.locator("#recovery-codes code").first.inner_text()
    with office.desk() as desk:
        desk.sign_in("auditor")
        enter(desk, code_of(secret, later=1), "Continue")
        desk.sees("The books")
    with office.desk() as desk:
        desk.sign_in("auditor")
        desk.page.get_by_role("link", name="Use a recovery code").click()
        enter(desk, recovery, "Continue")
        desk.sees("The books")


def test_double_click_makes_one_key_and_shows_it(office: Office) -> None:
    with office.desk() as desk:
        desk.sign_in("admin")
        desk.go("users/apikey/add/")
        desk.fill(username="finance", name="double click")
        desk.page.get_by_label("read", exact=True).check()
        desk.page.get_by_role("button", name="Add API key").dblclick()
        desk.sees("Copy the key now")
        prefix = re.match(PREFIX, desk.page.locator("#api-key").inner_text())
        assert prefix is not None
        desk.go("users/apikey/?q=double+click")
        expect(desk.rows()).to_have_count(1)
        expect(desk.rows()).to_contain_text(prefix[0])
