"""`/approvals`: asking, deciding, and reading what was asked and decided."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from balances.enums import House
from tests.api.client import (
    API,
    TRANSACTIONS,
    TRANSFER,
    WITHDRAW,
    Api,
    assert_problem,
    body_of,
    books,
    wire_party,
    with_key,
)
from tests.books import (
    amount_of,
    assert_books_are_sound,
    balance_of,
    fund,
    make_user,
    post_one,
    stored,
    transfer,
)
from tests.concurrency import at_once
from transactions.approval_model import Approval
from transactions.models import IdempotencyKey, Transaction, TransactionLimit
from users.models import User
from users.roles import Role, Scope

APPROVALS = f"{API}/approvals"
WHY = {"reason": "booked twice"}


@pytest.fixture
def credit(alice: User) -> dict[str, Any]:
    """To be asked: 5.00 more for Alice."""
    asked = {"kind": "adjustment", "user_id": alice.pk, "direction": "credit", "amount": "5.00"}
    return asked | WHY


def ask(by: Api, body: dict[str, Any], **options: Any) -> Any:
    response = by.post(APPROVALS, body, **options)
    assert response.status_code == 201, response.content
    return body_of(response)


def decide(by: Api, asked: Any, how: str = "approve", **body: Any) -> Any:
    response = by.post(f"{APPROVALS}/{asked['id']}/{how}", body)
    assert response.status_code == 200, response.content
    return body_of(response)


def test_adjustment_is_asked_and_approved(
    *,
    credit: dict[str, Any],
    alice: User,
    finance: User,
    admin: User,
    as_finance: Api,
    as_admin: Api,
    as_auditor: Api,
) -> None:
    asked = ask(as_finance, credit | {"reference": "ticket 7"})
    assert amount_of(alice) == 0
    approval = Approval.objects.get()
    assert asked == {
        "id": str(approval.pk),
        "kind": "adjustment",
        "status": "requested",
        "summary": "Credit 5.00 USD to alice",
        "asked": {
            "user_id": alice.pk,
            "currency": "USD",
            "amount": "5.00",
            "direction": "credit",
            "description": "",
            "reference": "ticket 7",
            "allow_overdraft": False,
        },
        "currency": "USD",
        "user": wire_party(alice),
        "reason": "booked twice",
        "requested_by": wire_party(finance),
        "requested_at": asked["requested_at"],
        "expires_at": asked["expires_at"],
        "decided_by": None,
        "decided_at": None,
        "comment": "",
        "failure_code": None,
        "transaction_id": None,
    }
    done = decide(as_admin, asked, comment="seen")
    made = Transaction.objects.get()
    assert done == asked | {
        "status": "approved",
        "decided_by": wire_party(admin),
        "decided_at": done["decided_at"],
        "comment": "seen",
        "transaction_id": str(made.pk),
    }
    assert (amount_of(alice), amount_of(House.ADJUSTMENTS)) == (500, -500)
    assert body_of(as_auditor.get(f"{APPROVALS}/{asked['id']}")) == done


def test_each_kind_is_carried_out_as_it_was_asked(
    alice: User, bob: User, as_finance: Api, as_admin: Api
) -> None:
    fund(alice, "50000.00")
    moved = post_one(transfer(alice, bob, "30.00")).transaction
    assert moved is not None
    until = "2999-12-31T00:00:00Z"
    bodies: list[dict[str, Any]] = [
        {"kind": "reversal", "transaction_id": str(moved.pk), "amount": "10.00"},
        {"kind": "withdrawal", "user_id": alice.pk, "amount": "20000.00"},
        {"kind": "transfer", "from_user_id": alice.pk, "to_user_id": bob.pk, "amount": "10000.01"},
        {"kind": "limit", "role": "user", "per_day": "0", "per_transaction": "7.50"},
        {"kind": "freeze", "user_id": bob.pk, "status": "debits_frozen", "until": until},
    ]
    done = [decide(as_admin, ask(as_finance, body | WHY)) for body in bodies]
    assert [approval["asked"] for approval in done] == [
        {"transaction_id": str(moved.pk), "amount": "10.00", "allow_overdraft": False},
        {
            "user_id": alice.pk,
            "currency": "USD",
            "amount": "20000.00",
            "description": "",
            "reference": "",
        },
        {
            "from_user_id": alice.pk,
            "to_user_id": bob.pk,
            "currency": "USD",
            "amount": "10000.01",
            "description": "",
            "reference": "",
        },
        {
            "currency": "USD",
            "user_id": None,
            "role": "user",
            "per_transaction": "7.50",
            "per_day": "0.00",
        },
        {
            "user_id": bob.pk,
            "currency": "USD",
            "status": "debits_frozen",
            "until": "2999-12-31T00:00:00.000000Z",
        },
    ]
    assert (amount_of(alice), amount_of(bob)) == (1_997_999, 1_002_001)
    assert balance_of(bob).status == "debits_frozen"
    limit = TransactionLimit.objects.get()
    assert (limit.role, limit.per_transaction, limit.per_day) == ("user", 750, 0)
    assert_books_are_sound()


def test_what_one_person_may_not_do_is_refused_and_names_the_way(
    alice: User, bob: User, as_finance: Api, as_admin: Api
) -> None:
    deposited = fund(alice, "50000.00")
    before = books()
    over = {"user_id": alice.pk, "amount": "10000.01"}
    passed_on = {"from_user_id": alice.pk, "to_user_id": bob.pk, "amount": "10000.01"}
    for path, body in (
        (TRANSFER, passed_on),
        (TRANSFER, passed_on | {"pending": True}),
        (WITHDRAW, over),
        (WITHDRAW, over | {"dry_run": True}),
        (f"{TRANSACTIONS}/{deposited.pk}/reverse", WHY),
    ):
        assert_problem(as_finance.post(path, body, key="k"), 403, "approval_required")
    items = [{"type": "withdrawal", **over}, {"type": "transfer", **passed_on}]
    batch = as_finance.post(f"{TRANSACTIONS}/batch", {"transactions": items})
    told = [result["problem"]["code"] for result in body_of(batch)["results"]]
    assert told == ["approval_required"] * 2
    assert books() == before
    decide(as_admin, ask(as_finance, {"kind": "withdrawal", **over, **WHY}))
    assert amount_of(alice) == 3_999_999


def test_refusal_of_the_books_is_the_answer_and_has_failed(
    alice: User, as_finance: Api, as_admin: Api
) -> None:
    fund(alice, "1.00")
    debit = {"kind": "adjustment", "user_id": alice.pk, "direction": "debit", "amount": "2.00"}
    asked = ask(as_finance, debit | WHY)
    path = f"{APPROVALS}/{asked['id']}/approve"
    first = as_admin.post(path, {}, key="k")
    problem = assert_problem(first, 422, "insufficient_funds", approval_id=asked["id"])
    failed = Transaction.objects.get(pk=problem["transaction_id"])
    assert (failed.status, failed.type) == ("failed", "adjustment")
    shown = body_of(as_admin.get(f"{APPROVALS}/{asked['id']}"))
    assert (shown["status"], shown["failure_code"]) == ("failed", "insufficient_funds")
    fund(alice, "5.00")
    again = as_admin.post(path, {}, key="k")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert amount_of(alice) == 600


def test_nobody_decides_alone_or_twice(
    credit: dict[str, Any], as_finance: Api, as_admin: Api
) -> None:
    asked = ask(as_finance, credit)
    path = f"{APPROVALS}/{asked['id']}"
    assert_problem(as_finance.post(f"{path}/approve", {}), 403, "own_request")
    assert_problem(as_finance.post(f"{path}/reject", {"comment": "no"}), 403, "own_request")
    assert_problem(as_admin.post(f"{path}/withdraw", {}), 403, "not_your_request")
    assert decide(as_admin, asked, "reject", comment="not ours")["status"] == "rejected"
    for how, body in (("approve", {}), ("reject", {"comment": "x"})):
        assert_problem(as_admin.post(f"{path}/{how}", body), 409, "approval_decided")
    assert_problem(as_finance.post(f"{path}/withdraw", {}), 409, "approval_decided")
    other = decide(as_finance, ask(as_finance, credit), "withdraw")
    assert (other["status"], other["decided_by"]) == ("withdrawn", None)
    assert not Transaction.objects.exists()


def test_keys_of_those_who_ask_and_decide_do_neither(
    credit: dict[str, Any], alice: User, finance: User, admin: User, as_finance: Api
) -> None:
    """Whatever their scopes: neither for their owner, nor of what their owner asked for."""
    asked = ask(as_finance, credit)
    path = f"{APPROVALS}/{asked['id']}"
    for owner in (finance, admin):
        key = with_key(owner, Scope.values)
        assert_problem(key.post(APPROVALS, credit), 403, "api_key_not_accepted")
        for how, body in (("approve", {}), ("reject", {"comment": "no"}), ("withdraw", {})):
            assert_problem(key.post(f"{path}/{how}", body), 403, "api_key_not_accepted")
        assert body_of(key.get(path))["status"] == "requested"
    assert (Approval.objects.count(), amount_of(alice)) == (1, 0)


def test_stale_page_is_told_the_version_and_decides_nothing(
    alice: User, credit: dict[str, Any], as_finance: Api, as_admin: Api
) -> None:
    fund(alice, "1.00")
    asked = ask(as_finance, credit)
    path = f"{APPROVALS}/{asked['id']}/approve"
    stale = as_admin.post(path, {"expected_version": 0}, key="a")
    assert_problem(stale, 409, "version_conflict", current_version=1)
    assert decide(as_admin, asked, expected_version=1)["status"] == "approved"
    limit = ask(as_finance, {"kind": "limit", "role": "user", "per_day": "1"} | WHY)
    stale = as_admin.post(f"{APPROVALS}/{limit['id']}/approve", {"expected_version": 1})
    assert_problem(stale, 409, "version_conflict", current_version=0)
    assert decide(as_admin, limit, expected_version=0)["status"] == "approved"


def test_expired_one_is_shown_so_and_not_decided(
    credit: dict[str, Any], as_finance: Api, as_admin: Api, settings: Any
) -> None:
    settings.APPROVAL_DAYS = 1 / 86_400_000_000  # a microsecond
    asked = ask(as_finance, credit)
    assert_problem(as_admin.post(f"{APPROVALS}/{asked['id']}/approve", {}), 409, "approval_expired")
    for status, count in (("requested", 0), ("expired", 1)):
        listed = body_of(as_admin.get(APPROVALS, status=status))["results"]
        assert [row["status"] for row in listed] == ["expired"] * count


def test_same_key_asks_once_and_approves_once(
    alice: User, credit: dict[str, Any], as_finance: Api, as_admin: Api
) -> None:
    first, again = (as_finance.post(APPROVALS, credit, key="k") for _ in range(2))
    assert (first.status_code, again.content) == (201, first.content)
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    other = as_finance.post(APPROVALS, credit | {"amount": "6.00"}, key="k")
    assert_problem(other, 422, "idempotency_key_reused")
    path = f"{APPROVALS}/{body_of(first)['id']}/approve"
    answers = [as_admin.post(path, {}, key="k") for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert (Approval.objects.count(), amount_of(alice)) == (1, 500)
    used = as_finance.post(f"{TRANSACTIONS}/deposit", {"amount": "1.00"}, key="k")
    assert_problem(used, 422, "idempotency_key_reused")


def test_what_was_not_taken_on_leaves_its_key_free(
    credit: dict[str, Any], as_finance: Api, as_admin: Api
) -> None:
    asked = ask(as_finance, credit)
    path = f"{APPROVALS}/{asked['id']}/approve"
    assert_problem(as_finance.post(path, {}, key="k"), 403, "own_request")
    assert_problem(as_admin.post(path, {"expected_version": 9}, key="k"), 409, "version_conflict")
    assert as_admin.post(path, {}, key="k").status_code == 200
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["k"]


@pytest.mark.django_db(transaction=True)
def test_same_key_at_once_approves_once_and_answers_all_alike(
    alice: User, credit: dict[str, Any], as_finance: Api, as_admin: Api
) -> None:
    asked = ask(as_finance, credit)
    path = f"{APPROVALS}/{asked['id']}/approve"
    answers = at_once([partial(as_admin.post, path, {}, key="k") for _ in range(4)])
    assert {getattr(answer, "status_code", answer) for answer in answers} == {200}
    assert len({getattr(answer, "content", answer) for answer in answers}) == 1
    assert amount_of(alice) == 500


def test_list_is_filtered_and_paged(
    *, alice: User, bob: User, finance: User, as_finance: Api, as_admin: Api, as_auditor: Api
) -> None:
    limit = {"kind": "limit", "user_id": bob.pk, "per_day": "1.00", **WHY}
    freeze = {"kind": "freeze", "user_id": alice.pk, "status": "frozen", **WHY}
    made = [ask(as_finance, limit), ask(as_admin, freeze), ask(as_finance, freeze)]
    decide(as_admin, made[2], "reject", comment="twice")

    def listed(**query: Any) -> list[int]:
        rows = body_of(as_auditor.get(APPROVALS, **query))["results"]
        ids = [approval["id"] for approval in made]
        return [ids.index(row["id"]) for row in rows]

    assert listed() == [2, 1, 0]
    assert listed(status="requested") == [1, 0]
    assert listed(status="rejected") == [2]
    assert listed(kind="limit") == [0]
    assert listed(requested_by=finance.pk) == [2, 0]
    assert listed(user_id=alice.pk, status="requested") == [1]
    first = body_of(as_auditor.get(APPROVALS, page_size=2))
    assert [row["id"] for row in first["results"]] == [made[2]["id"], made[1]["id"]]
    rest = body_of(as_auditor.get(first["next"]))
    assert [row["id"] for row in rest["results"]] == [made[0]["id"]]
    assert body_of(as_auditor.get(rest["previous"]))["results"] == first["results"]


BAD: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"kind": None}, {"kind": "null"}),
    ({"kind": "gift"}, {"kind": "invalid_choice"}),
    ({"kind": ["freeze"]}, {"kind": "invalid_choice"}),
    ({"reason": "  "}, {"reason": "blank"}),
    ({"reason": "x" * 256}, {"reason": "max_length"}),
    ({"amount": "0"}, {"amount": "amount_not_positive"}),
    ({"amount": "1.001"}, {"amount": "too_many_decimals"}),
    ({"direction": "up"}, {"direction": "invalid_choice"}),
    ({"user_id": "7"}, {"user_id": "not_whole"}),
    ({"allow_overdraft": 1}, {"allow_overdraft": "not_boolean"}),
    ({"status": "frozen"}, {"status": "unknown_field"}),
]
OTHERS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"kind": "freeze", "user_id": 1, "status": "closed"}, {"status": "invalid_choice"}),
    (
        {"kind": "freeze", "user_id": 1, "status": "active", "until": "2999-01-01T00:00:00Z"},
        {"until": "not_frozen"},
    ),
    *(
        (
            {"kind": "freeze", "user_id": 1, "status": "frozen", "until": until},
            {"until": "not_rfc3339"},
        )
        for until in ("soon", "2999-01-31", "2999-01-31T09:30:00", "2999-01-31 09:30:00Z")
    ),
    ({"kind": "limit", "per_day": "1.00"}, {"user_id": "either_required"}),
    ({"kind": "limit", "user_id": 1, "role": "user"}, {"user_id": "either_required"}),
    ({"kind": "limit", "role": "user", "per_day": "-1"}, {"per_day": "amount_not_positive"}),
    ({"kind": "reversal", "transaction_id": "7"}, {"transaction_id": "invalid"}),
    ({"kind": "withdrawal", "user_id": 1}, {"amount": "required"}),
]


@pytest.mark.parametrize(
    ("change", "wrong"), [*BAD, *((body | {"reason": "r"}, wrong) for body, wrong in OTHERS)]
)
def test_bad_field_is_named_and_nothing_stored(
    change: dict[str, Any], wrong: dict[str, str], credit: dict[str, Any], as_finance: Api
) -> None:
    body = change if len(change) > 1 else credit | change
    problem = assert_problem(as_finance.post(APPROVALS, body, key="k"), 400, "invalid_request")
    assert {name: found[0]["code"] for name, found in problem["errors"].items()} == wrong
    assert not Approval.objects.exists()
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("body", [[], "freeze", None, b"", b"[", {}])
def test_body_that_is_no_request_is_refused(body: Any, as_finance: Api) -> None:
    assert as_finance.post(APPROVALS, body).status_code == 400


def test_part_of_a_reversal_has_the_decimals_of_the_original(alice: User, as_finance: Api) -> None:
    original = fund(alice, "30", "JPY")
    body = {"kind": "reversal", "transaction_id": str(original.pk), **WHY}
    wrong = as_finance.post(APPROVALS, body | {"amount": "1.5"})
    problem = assert_problem(wrong, 400, "invalid_request")
    assert problem["errors"]["amount"][0]["code"] == "too_many_decimals"
    assert ask(as_finance, body)["asked"]["amount"] == "30"
    assert stored(original).status == "completed"


def test_what_can_never_be_is_refused_when_it_is_asked(alice: User, as_finance: Api) -> None:
    thaw = {"kind": "freeze", "user_id": alice.pk, "status": "active", **WHY}
    assert_problem(as_finance.post(APPROVALS, thaw), 409, "status_unchanged")
    past = str(timezone.now() - timedelta(days=1)).replace(" ", "T")
    over = thaw | {"status": "frozen", "until": past}
    assert_problem(as_finance.post(APPROVALS, over), 422, "freeze_over")
    nobody = thaw | {"user_id": 999_999}
    assert_problem(as_finance.post(APPROVALS, nobody), 422, "user_not_found")
    unknown = {"kind": "reversal", "transaction_id": "01a204ce-ba80-7741-a30a-7f4fbb042252"}
    assert_problem(as_finance.post(APPROVALS, unknown | WHY), 404, "not_found")
    assert not Approval.objects.exists()


def test_person_whose_role_was_taken_asks_and_decides_no_more(
    credit: dict[str, Any], as_admin: Api, as_finance: Api
) -> None:
    maker = make_user("maker", Role.FINANCE)
    asked = ask(Api(maker), credit)
    User.objects.filter(pk=maker.pk).update(role=Role.AUDITOR)
    path = f"{APPROVALS}/{asked['id']}/approve"
    assert_problem(as_admin.post(path, {}), 409, "requester_not_allowed")
    assert_problem(Api(maker).post(APPROVALS, credit), 403, "permission_denied")
    assert decide(as_finance, asked, "reject", comment="left us")["status"] == "rejected"
