"""A member of staff at the back-office, in a real browser that tells of whatever goes wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Locator,
    Playwright,
    Request,
    StorageState,
    ViewportSize,
    expect,
)

from bench.servers.packages import CHROMIUM, program

PASSWORD = "demo-pass-1234"  # as seed_demo prints it
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
PROTECTED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
}
WAIT = 20_000.0  # milliseconds: for a condition on a busy machine
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


_LEGIBLE = Path(__file__).with_name("legible.js").read_text()


def launch(playwright: Playwright) -> Browser:
    """Debian's Chromium. Raises MissingSystemPackageError."""
    CHROMIUM.ensure()
    expect.set_options(timeout=WAIT)
    return playwright.chromium.launch(executable_path=program("chromium"), args=list(_ARGUMENTS))


class Desk:
    """One person's window. `faults` are messages of the browser's console, errors of scripts and
    requests to any other host."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.faults: list[str] = []
        self._host = urlsplit(url).netloc
        context.set_default_timeout(WAIT)
        self.page = context.new_page()
        self.page.on("console", self._note_message)
        self.page.on("pageerror", self._note_error)
        self.page.on("request", self._note_request)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"{self.page.url}: {message.text}")

    def _note_error(self, error: Error) -> None:
        self.faults.append(f"{self.page.url}: {error}")

    def _note_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.netloc != self._host:
            self.faults.append(f"{self.page.url}: asks {address.netloc}")

    def go(self, path: str = "") -> None:
        """Open a page below /admin/."""
        answer = self.page.goto(f"{self.url}/admin/{path}")
        assert answer is not None
        assert answer.ok, f"{path}: {answer.status}"
        assert answer.headers.items() >= PROTECTED.items(), path
        assert "default-src 'self'" in answer.headers["content-security-policy"], path

    def sign_in(self, username: str, password: str = PASSWORD) -> None:
        self.go("login/")
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.press("Log in")
        self.page.wait_for_load_state()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def follow(self, name: str) -> None:
        """A link of the page's own part."""
        self.page.locator("#content-main").get_by_role("link", name=name).first.click()

    def fill(self, **fields: str) -> None:
        """The form of an action, by the names of its fields."""
        for name, value in fields.items():
            field = self.page.locator(f"#id_{name}")
            if field.evaluate("e => e.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)

    def reach(self, name: str, *, backwards: bool = False) -> None:
        """Go on with the tab key until the link, button or field of this name has the focus."""
        for _ in range(60):
            self.page.keyboard.press("Shift+Tab" if backwards else "Tab")
            focused = self.page.locator("*:focus")
            if focused.count() and name in (
                focused.get_attribute("aria-label")
                or focused.evaluate("e => e.labels?.[0]?.innerText")
                or focused.inner_text()
            ):
                return
        raise AssertionError(f"{name} can't be reached")

    def find_customer(self, username: str) -> None:
        """From the list of users to the page of one."""
        self.go("users/user/")
        search = self.page.locator("#searchbar")
        search.fill(username)
        search.press("Enter")
        expect(self.rows()).to_have_count(1)
        self.rows().get_by_role("link").first.click()
        expect(self.page.locator(".dossier-name")).to_have_text(username)

    def preview(self, action: str, **fields: str) -> None:
        """Of an action that the page offers."""
        self.follow(action)
        self.fill(**fields)
        self.press("Preview")
        self.sees("nothing has been done yet")

    def sees(self, *texts: str) -> None:
        for text in texts:
            expect(self.page.get_by_text(text).first).to_be_visible()

    def rows(self) -> Locator:
        """Of a list."""
        return self.page.locator("#result_list tbody tr")

    def first_of_list(self) -> str | None:
        """Where the first row leads, below /admin/."""
        link = self.rows().get_by_role("link").first
        address = link.get_attribute("href") if link.count() else None
        return address and address.partition("/admin/")[2]

    def obstacles(self) -> list[str]:
        """What does not fit into the window, can't be reached by the keyboard, has no words for a
        screen reader, or is too faint to be read."""
        found = [f"{self.overflow} px too wide"] if self.overflow > 0 else []
        for kind in ("unreachable", "unnamed", "faint"):
            found += [f"{kind} {e}" for e in self.page.evaluate(f"{_LEGIBLE}.{kind}()")]
        return found

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wider: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wider


class Office:
    """Where people have desks. Each signs in once, and keeps that session."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._sessions: dict[str, StorageState] = {}

    @contextmanager
    def desk(
        self, username: str = "", size: ViewportSize = DESKTOP, *, dark: bool = False
    ) -> Iterator[Desk]:
        """Signed in, unless no name is given. Nothing has gone wrong by the time it is left."""
        session = self._sessions.get(username)
        context = self._browser.new_context(
            viewport=size,
            locale="en-GB",
            timezone_id="UTC",
            color_scheme="dark" if dark else "light",
            storage_state=session,
        )
        try:
            made = Desk(context, self._url)
            if username and session is None:
                made.sign_in(username)
                self._sessions[username] = context.storage_state()
            yield made
            assert made.faults == []
        finally:
            context.close()
