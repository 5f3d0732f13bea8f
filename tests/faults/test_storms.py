"""Money under load: many clients of one server of several processes."""

import uuid
from collections import Counter
from collections.abc import Callable
from functools import partial

import httpx

from tests.concurrency import at_once
from tests.e2e.world import register
from tests.faults.storm import answers, codes, rage, storm
from tests.servers import LedgerServer


def test_ten_parallel_debits_of_all_the_money_succeed_once(server: LedgerServer) -> None:
    """Transfers and withdrawals, which must take the same locks."""
    alice, bob = register(server, "100.00"), register(server)
    calls: list[Callable[[], httpx.Response]] = []
    for _ in range(5):
        calls += [partial(alice.transfer, bob, "100.00"), partial(alice.withdraw, "100.00")]
    responses = answers(at_once(calls))
    assert codes(responses) == {201: 1, 422: 9}
    refused = [response.json()["code"] for response in responses if response.status_code == 422]
    assert refused == ["insufficient_funds"] * 9
    assert alice.amount() == "0.00"


def test_opposite_transfers_conserve_money(server: LedgerServer) -> None:
    alice, bob = register(server, "50.00"), register(server, "50.00")
    with storm(*[(alice, bob), (bob, alice)] * 4) as running:
        rage(running)
    assert set(running.codes) <= {201, 422}
    assert running.codes[201] > 0
    cents = [int(account.amount().replace(".", "")) for account in (alice, bob)]
    assert sum(cents) == 10000
    assert min(cents) >= 0


def test_hot_account_counts_every_payment(server: LedgerServer) -> None:
    shop = register(server)
    payers = [register(server, "1000.00") for _ in range(8)]
    with storm(*[(payer, shop) for payer in payers]) as running:
        rage(running)
    paid = running.codes[201]
    assert running.codes == {201: paid}
    assert shop.balance() | {"amount": f"{paid}.00", "version": paid} == shop.balance()


def test_same_key_at_once_posts_once(server: LedgerServer) -> None:
    alice, bob = register(server, "100.00"), register(server)
    for amount in ("30.00", "500.00"):  # a success and a refusal
        key = uuid.uuid4().hex
        responses = answers(at_once([partial(alice.transfer, bob, amount, key)] * 12))
        assert len({response.content for response in responses}) == 1
        assert len(codes(responses)) == 1
        replayed = Counter(r.headers.get("Idempotent-Replayed") for r in responses)
        assert replayed == {None: 1, "true": 11}
    assert (alice.amount(), bob.amount()) == ("70.00", "30.00")
    assert len(alice.transaction_ids()) == 3


def test_transfer_to_oneself_holds_up_nobody(server: LedgerServer) -> None:
    alice, bob = register(server, "100.00"), register(server)
    calls = [partial(alice.transfer, to, "1.00") for to in (alice, bob)] * 6
    assert codes(answers(at_once(calls))) == {201: 6, 422: 6}
    assert (alice.amount(), bob.amount()) == ("94.00", "6.00")
