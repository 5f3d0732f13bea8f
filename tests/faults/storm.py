"""Many clients at once, for a while, and what each was answered; servers that stand still."""

import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from bench.servers.process import Server
from tests.e2e.world import Account

SECONDS = 1.0


def answers(results: list[httpx.Response | Exception]) -> list[httpx.Response]:
    """The responses; fails when a request was not answered."""
    responses = []
    for result in results:
        assert isinstance(result, httpx.Response), repr(result)
        responses.append(result)
    return responses


def codes(responses: list[httpx.Response]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


@dataclass
class Sent:
    """One payment of 1.00, sent with a key; `answer` is None when the connection broke."""

    payer: Account
    to: Account
    key: str
    answer: httpx.Response | None = None
    waits: bool = True

    def send(self) -> None:
        try:
            self.answer = self.payer.transfer(self.to, "1.00", self.key)
        except httpx.TimeoutException:
            raise  # a request that hangs is a failure, not a broken connection
        except httpx.TransportError:
            self.answer = None
        finally:
            self.waits = False


@dataclass
class Storm:
    """Payments of 1.00 that go on until the end."""

    routes: int
    over: threading.Event = field(default_factory=threading.Event)
    sent: list[Sent] = field(default_factory=list)

    def pay(self, payer: Account, to: Account) -> None:
        while not self.over.is_set():
            one = Sent(payer, to, uuid.uuid4().hex)
            self.sent.append(one)
            one.send()
            if one.answer is None:
                self.over.wait(0.2)  # the server is gone or on its way back

    @property
    def codes(self) -> Counter[int]:
        return codes([one.answer for one in self.sent if one.answer is not None])

    def all_wait(self) -> bool:
        """Whether each route has a payment that was not answered yet."""
        return sum(one.waits for one in self.sent) == self.routes

    @property
    def acknowledged(self) -> set[str]:
        """The ids of the transactions that were answered with 201."""
        given = [one.answer for one in self.sent if one.answer is not None]
        return {answer.json()["id"] for answer in given if answer.status_code == 201}


@contextmanager
def storm(*routes: tuple[Account, Account]) -> Iterator[Storm]:
    """Pay along each route (payer, receiver) in a thread of its own while the block runs."""
    running = Storm(len(routes))
    with ThreadPoolExecutor(len(routes)) as pool:
        payers = [pool.submit(running.pay, payer, to) for payer, to in routes]
        try:
            yield running
        finally:
            running.over.set()
    for payer in payers:
        payer.result()


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """It stands still inside, and goes on where it was."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def rage(running: Storm, until: Callable[[], bool] = lambda: True) -> None:
    """Let a storm run for SECONDS, and until the condition holds."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline or not until():
        assert time.monotonic() < deadline + 20, "the storm waited in vain"
        time.sleep(0.02)
    assert running.sent
