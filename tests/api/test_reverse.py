"""`POST /transactions/{id}/reverse`: who may, what is answered, and what is refused."""

import pytest

from balances.enums import House
from tests.api.client import (
    TRANSACTIONS,
    Api,
    assert_problem,
    body_of,
    books,
    change_balance,
    wire_balance,
    wire_party,
)
from tests.books import (
    SYSTEM,
    amount_of,
    assert_books_are_sound,
    balance_of,
    fund,
    hold,
    post_one,
    reverse,
    standing,
    transfer,
    withdrawal,
)
from transactions.instructions import Order
from transactions.models import Transaction
from transactions.reconciliation import reconcile
from users.accounts import delete_user
from users.models import User

REASON = {"reason": "damaged"}


def reversed_amounts(api: Api, t: Transaction) -> list[str]:
    """As the transaction says it, and as its row in the list does."""
    row = body_of(api.get(TRANSACTIONS, reference=t.reference))["results"][-1]
    return [body_of(api.get(f"{TRANSACTIONS}/{t.pk}"))["reversed_amount"], row["reversed_amount"]]


def moved(asked: Order) -> Transaction:
    outcome = post_one(asked)
    assert outcome.error is None
    assert outcome.transaction is not None
    return outcome.transaction


@pytest.fixture
def paid(alice: User, bob: User) -> Transaction:
    """30 of Alice's 100 to Bob, completed."""
    fund(alice, "100.00")
    return moved(transfer(alice, bob, "30.00", reference="order 7"))


def path_of(t: Transaction) -> str:
    return f"{TRANSACTIONS}/{t.pk}/reverse"


def test_receiver_gives_back_and_sees_their_own_balance(
    paid: Transaction, alice: User, bob: User, as_bob: Api
) -> None:
    response = as_bob.post(path_of(paid), {**REASON, "amount": "10.00"})
    assert response.status_code == 201
    answer = body_of(response)
    assert (answer["type"], answer["status"], answer["amount"]) == (
        "reversal",
        "completed",
        "10.00",
    )
    assert (answer["reverses"], answer["description"]) == (str(paid.pk), "damaged")
    assert answer["id"] != str(paid.pk)
    assert (answer["from_user"], answer["to_user"]) == (wire_party(bob), wire_party(alice))
    assert answer["balance"] == wire_balance(balance_of(bob), "20.00", 2)
    assert "80.00" not in response.content.decode()
    assert body_of(as_bob.get(f"{TRANSACTIONS}/{paid.pk}"))["status"] == "completed"
    assert_books_are_sound()


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("alice", 403),
        ("bob", 201),
        ("charlie", 404),
        ("auditor", 403),
        ("finance", 403),
        ("admin", 403),
        ("backend", 201),
        ("anonymous", 401),
    ],
)
def test_who_reverses_a_transfer(
    who: str, status: int, paid: Transaction, request: pytest.FixtureRequest
) -> None:
    name = who if who == "anonymous" else f"as_{who}"
    response = request.getfixturevalue(name).post(path_of(paid), REASON)
    assert response.status_code == status
    assert Transaction.objects.filter(reverses=paid).exists() is (status == 201)


@pytest.mark.parametrize("kind", ["deposit", "withdrawal"])
@pytest.mark.parametrize(
    ("who", "status"), [("alice", 403), ("auditor", 403), ("backend", 201), ("charlie", 404)]
)
def test_only_backends_of_staff_reverse_what_came_from_or_went_outside(
    kind: str, who: str, status: int, alice: User, request: pytest.FixtureRequest
) -> None:
    t = fund(alice, "10.00")
    if kind == "withdrawal":
        t = moved(withdrawal(alice, "4.00"))
    response = request.getfixturevalue(f"as_{who}").post(path_of(t), REASON)
    assert response.status_code == status
    before = 1_000 if kind == "deposit" else 600
    after = 0 if kind == "deposit" else 1_000
    assert amount_of(alice) == (after if status == 201 else before)
    if status == 201:
        balance = body_of(response)["balance"]
        assert balance == wire_balance(balance_of(alice), f"{after // 100}.00", 2 + (after > 0))
        assert amount_of(House.EXTERNAL) == -after


def test_only_backends_of_staff_overdraw(
    paid: Transaction, bob: User, charlie: User, as_bob: Api, as_backend: Api
) -> None:
    moved(transfer(bob, charlie, "30.00"))
    body = {**REASON, "allow_overdraft": True}
    assert_problem(as_bob.post(path_of(paid), body), 403, "permission_denied")
    assert_problem(as_bob.post(path_of(paid), REASON), 422, "insufficient_funds")
    assert_problem(as_backend.post(path_of(paid), REASON), 422, "insufficient_funds")
    assert (amount_of(bob), balance_of(bob).forced_overdraft) == (0, 0)
    balance = body_of(as_backend.post(path_of(paid), body))["balance"]
    assert (balance["amount"], balance["available"]) == ("-30.00", "-30.00")
    assert balance_of(bob).forced_overdraft == 3_000
    assert all(proof.holds for proof in reconcile())


def test_one_person_of_staff_alone_is_told_to_ask_another(
    paid: Transaction, as_finance: Api, as_admin: Api
) -> None:
    before = books()
    for api in (as_finance, as_admin):
        for more in ({}, {"allow_overdraft": True}, {"dry_run": True}):
            response = api.post(path_of(paid), REASON | more, key="k")
            assert_problem(response, 403, "approval_required")
    assert books() == before


def test_refused_reversal_is_kept_as_failed(
    paid: Transaction, bob: User, charlie: User, as_bob: Api
) -> None:
    moved(transfer(bob, charlie, "30.00"))
    problem = assert_problem(as_bob.post(path_of(paid), REASON), 422, "insufficient_funds")
    kept = Transaction.objects.get(pk=problem["transaction_id"])
    assert (kept.type, kept.status, kept.reverses_id) == ("reversal", "failed", paid.pk)
    assert kept.requested_by == bob


def test_parts_never_exceed_the_original(paid: Transaction, bob: User, as_bob: Api) -> None:
    assert as_bob.post(path_of(paid), {**REASON, "amount": "10.00"}).status_code == 201
    response = as_bob.post(path_of(paid), {**REASON, "amount": "20.01"})
    assert_problem(response, 422, "reversal_exceeds_original", remaining="20.00")
    assert body_of(as_bob.post(path_of(paid), REASON))["amount"] == "20.00"
    response = as_bob.post(path_of(paid), REASON)
    assert_problem(response, 422, "reversal_exceeds_original", remaining="0.00")
    assert amount_of(bob) == 0


def test_reversal_is_not_reversed(
    paid: Transaction, as_bob: Api, as_alice: Api, as_backend: Api
) -> None:
    back = moved(reverse(paid))
    assert_problem(as_backend.post(path_of(back), REASON), 422, "not_reversible")
    for api in (as_alice, as_bob):
        assert_problem(api.post(path_of(back), REASON), 403, "permission_denied")


def test_pending_one_is_not_reversed(alice: User, bob: User, as_bob: Api) -> None:
    fund(alice, "10.00")
    response = as_bob.post(path_of(hold(alice, bob, "5.00")), REASON)
    assert_problem(response, 422, "not_reversible")
    assert standing(alice)[:3] == (1_000, 500, 500)


def test_nothing_is_given_back_to_a_deleted_or_frozen_user(
    paid: Transaction, alice: User, bob: User, charlie: User, as_bob: Api
) -> None:
    change_balance(alice, status="frozen")
    assert_problem(as_bob.post(path_of(paid), REASON), 422, "receiver_unavailable")
    change_balance(alice, status="active")
    moved(transfer(alice, charlie, "70.00"))
    delete_user(user_id=alice.pk, by=SYSTEM)
    before = books()
    assert_problem(as_bob.post(path_of(paid), REASON), 422, "user_not_found")
    assert books() == before
    assert amount_of(bob) == 3_000


@pytest.mark.parametrize("case", ["success", "insufficient_funds", "reversal_exceeds_original"])
def test_answer_is_replayed_byte_for_byte(
    case: str, paid: Transaction, bob: User, charlie: User, as_bob: Api
) -> None:
    body = {**REASON, "amount": "30.01" if case == "reversal_exceeds_original" else "10.00"}
    if case == "insufficient_funds":
        moved(transfer(bob, charlie, "30.00"))
    first = as_bob.post(path_of(paid), body, key="k")
    if case != "success":
        assert_problem(first, 422, case)
    fund(bob, "100.00")
    before = books()
    for _ in range(2):
        again = as_bob.post(path_of(paid), body, key="k")
        assert again["Idempotent-Replayed"] == "true"
        assert (again.status_code, again.content) == (first.status_code, first.content)
    assert books() == before
    other = as_bob.post(path_of(paid), {**body, "reason": "another"}, key="k")
    assert_problem(other, 422, "idempotency_key_reused")


def test_each_part_has_a_key_of_its_own(paid: Transaction, bob: User, as_bob: Api) -> None:
    body = {**REASON, "amount": "10.00"}
    ids = {body_of(as_bob.post(path_of(paid), body, key=key))["id"] for key in "aabbcc"}
    assert len(ids) == 3
    assert amount_of(bob) == 0


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("reason", None, "null"),
        ("reason", "", "blank"),
        ("reason", "   ", "blank"),
        ("reason", 1, "not_text"),
        ("reason", ["x"], "not_text"),
        ("reason", "x" * 256, "max_length"),
        ("amount", None, "null"),
        ("amount", "0", "amount_not_positive"),
        ("amount", "-1.00", "amount_not_positive"),
        ("amount", "1.001", "too_many_decimals"),
        ("amount", "1e2", "invalid_amount"),
        ("amount", True, "invalid_amount"),
        ("allow_overdraft", None, "null"),
        ("allow_overdraft", "true", "not_boolean"),
        ("allow_overdraft", 1, "not_boolean"),
        ("dry_run", 0, "not_boolean"),
        ("currency", "USD", "unknown_field"),
        ("description", "x", "unknown_field"),
    ],
)
@pytest.mark.parametrize("who", ["bob", "finance"])
def test_bad_field_is_named_and_nothing_stored(  # noqa: PLR0917 - three of them are the case
    who: str,
    field: str,
    value: object,
    code: str,
    paid: Transaction,
    request: pytest.FixtureRequest,
) -> None:
    api = request.getfixturevalue(f"as_{who}")
    before = books()
    response = api.post(path_of(paid), {**REASON, field: value}, key="k")
    problem = assert_problem(response, 400, "invalid_request")
    assert {name: [e["code"] for e in found] for name, found in problem["errors"].items()} == {
        field: [code]
    }
    assert books() == before


def test_original_tells_how_much_of_it_was_given_back(
    paid: Transaction, as_alice: Api, as_bob: Api
) -> None:
    assert reversed_amounts(as_alice, paid) == ["0.00", "0.00"]
    for part, total in (("10.00", "10.00"), ("0.01", "10.01"), ("30.00", "10.01")):
        answer = body_of(as_bob.post(path_of(paid), {**REASON, "amount": part}))
        assert answer.get("reversed_amount") == (None if part == "30.00" else "0.00")
        assert reversed_amounts(as_alice, paid) == [total, total]
    as_bob.post(path_of(paid), REASON)
    assert reversed_amounts(as_bob, paid) == ["30.00", "30.00"]


def test_reason_is_required(paid: Transaction, as_bob: Api) -> None:
    for body in ({}, {"amount": "1.00"}, b""):
        problem = assert_problem(as_bob.post(path_of(paid), body), 400, "invalid_request")
        assert [e["code"] for e in problem["errors"]["reason"]] == ["required"]


@pytest.mark.parametrize(
    ("currency", "part", "left"), [("JPY", "7", "23"), ("BHD", "0.007", "29.993")]
)
def test_part_has_the_decimals_of_the_original(
    currency: str, part: str, left: str, alice: User, as_backend: Api
) -> None:
    t = fund(alice, "30", currency)
    wrong = as_backend.post(
        path_of(t), {**REASON, "amount": f"{part}.5" if currency == "JPY" else f"{part}1"}
    )
    problem = assert_problem(wrong, 400, "invalid_request")
    assert [e["code"] for e in problem["errors"]["amount"]] == ["too_many_decimals"]
    answer = body_of(as_backend.post(path_of(t), {**REASON, "amount": part}))
    assert (answer["amount"], answer["balance"]["amount"]) == (part, left)
