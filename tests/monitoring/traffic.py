"""Everything that Ledger Link does, done again and again by a few people."""

import itertools
import random
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.e2e.world import PASSWORD, Account, client, register
from tests.servers import LedgerServer

QUEUE_SIZE = 40  # orders; a batch of more is refused with queue_full


@dataclass
class Traffic:
    """Alice, Bob and Carol, and their money."""

    server: LedgerServer
    people: list[Account] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def begin(self) -> None:
        self.people = [register(self.server) for _ in range(3)]
        for person, currency in itertools.product(self.people, ("USD", "EUR")):
            self.ok(person.post("transactions/deposit", {"amount": "5000", "currency": currency}))

    def round(self, payments: int = 3) -> None:
        """A bit of everything."""
        alice, bob, carol = self.people
        for _ in range(payments):
            self.pay()
        self.settle(alice, bob)
        self.read(carol)
        self.ask_wrongly(bob)
        self.sign_in(alice)

    def pay(self) -> None:
        payer, to = self.dice.sample(self.people, 2)
        currency = self.dice.choice(["USD", "USD", "EUR"])
        amount = f"{self.dice.lognormvariate(2, 1.2):.2f}"
        amount = amount if float(amount) > 0 else "0.01"
        key = uuid.uuid4().hex
        body = {"to_user_id": to.id, "amount": amount, "currency": currency}
        self.ok(payer.post("transactions/transfer", body, key))
        if self.dice.random() < 0.2:
            self.ok(payer.post("transactions/transfer", body, key))  # asked again
        payer.balance()

    def settle(self, payer: Account, to: Account) -> None:
        self.ok(payer.deposit("25.00"))
        self.ok(payer.withdraw("10.00"))
        held = [self.ok(payer.transfer(to, "3.00", pending=True))["id"] for _ in range(3)]
        self.ok(to.post(f"transactions/{held[0]}/capture", {"amount": "2.00"}))
        self.ok(to.post(f"transactions/{held[1]}/cancel", {}))
        items = [{"type": "transfer", "to_user_id": to.id, "amount": "0.50"} for _ in range(5)]
        self.ok(payer.post("transactions/batch", {"mode": "atomic", "transactions": items}))

    def read(self, person: Account) -> None:
        for _ in range(4):
            person.balance()
        for path in ("balances/history", "transactions", "users/me"):
            assert person.http.get(path).status_code == 200
        assert person.http.get("balances/statement", params={"currency": "USD"}).status_code == 200
        with httpx.Client(base_url=self.server.url, trust_env=False) as browser:
            assert browser.get("/").status_code == 302
            assert browser.get("/admin/login/").status_code == 200

    def ask_wrongly(self, person: Account) -> None:
        """Each kind of refusal, and an answer that is the server's fault."""
        to = self.people[0]
        assert person.transfer(to, "100000000.00").status_code == 422
        assert person.transfer(to, "1e5").status_code == 400
        assert person.http.get("audit").status_code == 403
        assert person.http.get(f"transactions/{uuid.uuid4()}").status_code == 404
        assert person.http.get(f"nowhere/{uuid.uuid4()}").status_code == 404
        items = [{"type": "transfer", "to_user_id": to.id, "amount": "0.01"}] * (QUEUE_SIZE + 1)
        body = {"mode": "independent", "transactions": items}
        assert person.post("transactions/batch", body).status_code == 503
        with client(self.server.url, "no.such.token") as stranger:
            assert stranger.get("balances/current").status_code == 401

    def sign_in(self, person: Account) -> None:
        with client(self.server.url) as http:
            for password in (PASSWORD, "wrong"):
                http.post("auth/login", json={"username": person.username, "password": password})
            new = {"current_password": PASSWORD, "new_password": "short"}
            person.post("auth/password", new)
        register(self.server)

    @staticmethod
    def ok(answer: httpx.Response) -> Any:
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()
