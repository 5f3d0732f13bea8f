"""A real server with the demo's people, and a browser for each who works there."""

from collections.abc import Iterator, Mapping

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.desk import Desk, Office, launch
from tests.e2e.world import STANDARD, assert_reconciled, environment, manage
from tests.servers import LedgerServer


@pytest.fixture(autouse=True, scope="package")
def once() -> None:
    if STANDARD:
        pytest.skip("what a browser shows does not depend on the database")


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """The caches of the server under test are its own."""


@pytest.fixture(scope="package")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Books with the demo data, proved sound after the last test."""
    with environment("browser", tmp_path_factory.mktemp("browser")) as made:
        seeded = manage(made, "seed_demo")
        assert seeded.returncode == 0, seeded.stderr
        yield made
        assert_reconciled(made)


@pytest.fixture(scope="package")
def server(env: Mapping[str, str]) -> Iterator[LedgerServer]:
    with LedgerServer(env, workers=1) as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Ended with the package: while Playwright runs, Django takes this thread for an
    asynchronous one."""
    with sync_playwright() as playwright, launch(playwright) as running:
        yield running


@pytest.fixture(scope="package")
def office(browser: Browser, server: LedgerServer) -> Office:
    return Office(browser, server.url)


@pytest.fixture
def finance(office: Office) -> Iterator[Desk]:
    with office.desk("finance") as desk:
        yield desk


@pytest.fixture
def controller(office: Office) -> Iterator[Desk]:
    """The second person."""
    with office.desk("controller") as desk:
        yield desk
