"""The whole life of money, through the HTTP API alone: fund, authorise, capture a part, refund a
part, pay many at once, read the statement and the audit trail.

    python docs/examples/life_of_money.py http://127.0.0.1:8080

needs a server with the demo users (`make run`) and httpx, which that does not install
(`pip install httpx`), and prints what it does.
"""

import sys
import uuid
from typing import Any

import httpx

PASSWORD = "demo-pass-1234"  # of the demo users


class Refused(Exception):
    """The server understood and said no; `code` tells why."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(f"{problem['code']}: {problem['detail']}")
        self.code = problem["code"]


class Ledger:
    """A signed-in caller."""

    def __init__(self, server: str, username: str) -> None:
        self._http = httpx.Client(base_url=f"{server}/api/v1", timeout=10)
        body = {"username": username, "password": PASSWORD}
        session = self._answer(self._http.post("auth/login", json=body)).json()
        self._http.headers["Authorization"] = f"Bearer {session['access']}"
        self.id: int = session["user"]["id"]

    def get(self, path: str, **query: Any) -> Any:
        return self._answer(self._http.get(path, params=query)).json()

    def move(self, path: str, **body: Any) -> Any:
        """Post to `transactions/`. The key makes it safe to ask again when an answer is lost."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        for attempt in range(1, 4):
            try:
                answer = self._http.post(f"transactions/{path}", json=body, headers=headers)
            except httpx.TransportError:
                continue
            if answer.status_code < 500 or attempt == 3:
                return self._answer(answer).json()
        raise ConnectionError("the server can't be reached")

    def statement(self, currency: str, first_day: str) -> Any:
        return self.get("balances/statement", **{"currency": currency, "from": first_day})

    @staticmethod
    def _answer(answer: httpx.Response) -> httpx.Response:
        if answer.headers["Content-Type"] == "application/problem+json":
            raise Refused(answer.json())
        return answer


def main(server: str) -> None:
    alice, shop, finance = (Ledger(server, name) for name in ("alice", "bob", "finance"))

    deposit = finance.move("deposit", user_id=alice.id, amount="200.00", reference="wire 7")
    print("funded:", deposit["amount"], deposit["currency"])
    before = alice.get("balances/current", currency="USD")

    tried = alice.move("transfer", to_user_id=shop.id, amount="120.00", dry_run=True)
    print("a dry run says:", tried["status"], "with", tried["balance"]["available"], "left")

    hold = alice.move("transfer", to_user_id=shop.id, amount="120.00", pending=True)
    print("authorised:", hold["amount"], "held of", hold["balance"]["amount"])

    captured = shop.move(f"{hold['id']}/capture", amount="90.00")
    print("captured:", captured["amount"], "- the rest is let go")

    refund = shop.move(f"{captured['id']}/reverse", amount="25.00", reason="One item was broken")
    print("refunded:", refund["amount"], "of", captured["amount"])

    tips = [{"type": "transfer", "to_user_id": shop.id, "amount": tip} for tip in ("1.00", "2.50")]
    results = alice.move("batch", mode="atomic", transactions=tips)["results"]
    print("paid at once:", [result["transaction"]["amount"] for result in results])

    try:
        alice.move("transfer", to_user_id=shop.id, amount="999999999.00")
    except Refused as refused:
        print("refused:", refused.code)

    after = alice.get("balances/current", currency="USD")
    print(
        "balance:", before["amount"], "before,", after["amount"], "after, version", after["version"]
    )

    statement = alice.statement("USD", deposit["created_at"])
    for entry in statement["entries"]:
        print(f"  {entry['type']:<10} {entry['delta']:>9} {entry['balance']:>12}")
    print("closing:", statement["closing"])

    trail = finance.get("audit", entity_type="transaction", entity_id=hold["id"])["results"]
    for record in reversed(trail):
        print(f"  {record['created_at']} {record['actor']['name']}: {record['action']}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080")
