"""Each movement of money leaves an audit record in the same database transaction."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from audit.models import AuditLog
from ledgerlink.context import RequestContext, current_request
from tests.books import (
    SYSTEM,
    deposit,
    fund,
    idempotency,
    post_one,
    transfer,
    withdrawal,
)
from transactions.processor import post_directly
from users.actors import Actor
from users.models import User
from users.signals import login_failed, user_changed, users_created

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_context() -> Iterator[RequestContext]:
    context = RequestContext(
        request_id="req-1", trace_id="0af7651916cd43dd8448eb211c80319c", ip="2001:db8::1"
    )
    token = current_request.set(context)
    yield context
    current_request.reset(token)


def test_debit_is_audited_under_the_one_who_asked(
    alice: User, bob: User, finance: User, request_context: RequestContext
) -> None:
    fund(alice, "10.00")
    asked = transfer(alice, bob, "1.50", actor=Actor.of(finance), reference="inv-7")
    post_one(asked)
    record = AuditLog.objects.latest("id")
    assert (record.actor_id, record.actor_name) == (str(finance.pk), "finance")
    assert (record.action, record.entity_type) == ("transaction.completed", "transaction")
    assert record.entity_id == str(asked.id)
    assert record.details == {
        "type": "transfer",
        "amount": "1.50",
        "currency": "USD",
        "from": "alice",
        "to": "bob",
        "reference": "inv-7",
    }
    assert (record.request_id, record.trace_id) == ("req-1", request_context.trace_id)
    assert record.ip == "2001:db8::1"
    assert abs((timezone.now() - record.created_at).total_seconds()) < 60


@pytest.mark.parametrize("kind", ["deposit", "withdrawal"])
def test_movement_from_and_to_the_outside_names_it(kind: str, alice: User) -> None:
    fund(alice, "10.00")
    post_one(deposit(alice, "1.00") if kind == "deposit" else withdrawal(alice, "1.00"))
    details = AuditLog.objects.latest("id").details
    parties = {details["from"], details["to"]}
    assert (details["type"], parties) == (kind, {"alice", "external"})


def test_refusal_is_audited_with_its_code(alice: User, bob: User) -> None:
    post_one(transfer(alice, bob, "1.00"))
    record = AuditLog.objects.get()
    assert record.action == "transaction.failed"
    assert record.details["failure_code"] == "insufficient_funds"


def test_system_is_named_without_an_id_and_outside_of_any_request(alice: User) -> None:
    fund(alice, "1.00")
    record = AuditLog.objects.get()
    assert (record.actor_id, record.actor_name) == ("", SYSTEM.name)
    assert (record.request_id, record.trace_id, record.ip) == ("", "", None)


def test_each_instruction_of_a_batch_is_audited_under_its_own_request(
    alice: User, bob: User
) -> None:
    fund(alice, "10.00")
    contexts = [RequestContext(request_id=f"req-{number}") for number in range(3)]
    actors = [Actor(alice.pk, "alice", context) for context in contexts]
    post_directly([transfer(alice, bob, "1.00", actor=actor) for actor in actors])
    records = AuditLog.objects.order_by("id").values_list("request_id", flat=True)
    assert list(records) == ["", "req-0", "req-1", "req-2"]


def test_replay_is_not_audited_again(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    for _ in range(2):
        post_one(transfer(alice, bob, "1.00", idempotency=idempotency("k")))
    assert AuditLog.objects.count() == 2


def test_trail_outlives_its_subjects(alice: User) -> None:
    users_created.send(sender=None, users=[alice], actor=Actor.anonymous())
    alice.delete()
    record = AuditLog.objects.get()
    assert (record.actor_name, record.action) == ("anonymous", "user.created")
    assert record.details == {"username": "alice", "role": "user"}


def test_change_of_a_user_is_audited_with_what_changed(alice: User, admin: User) -> None:
    changes = {"email": ["alice@example.com", "a@example.com"]}
    user_changed.send(
        sender=None, user=alice, actor=Actor.of(admin), action="updated", changes=changes
    )
    record = AuditLog.objects.get()
    assert (record.action, record.entity_id) == ("user.updated", str(alice.pk))
    assert record.details == {"username": "alice", "changes": changes}


def test_failed_login_is_audited_however_long_the_name() -> None:
    login_failed.send(sender=None, identifier="x" * 10_000, actor=Actor.anonymous())
    record = AuditLog.objects.get()
    assert (record.action, len(record.details["identifier"])) == ("user.login_failed", 254)


def test_secrets_never_reach_the_trail(alice: User) -> None:
    users_created.send(sender=None, users=[alice], actor=Actor.anonymous())
    fund(alice, "1.00")
    written = " ".join(str(row) for row in AuditLog.objects.values())
    assert alice.password not in written
    assert alice.email not in written
