"""Listens to every app and writes the audit trail, in the database transaction of the change."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from audit.enums import EntityType
from audit.models import AuditLog
from balances.enums import BalanceStatus
from balances.money import format_amount
from ledgerlink.rows import insert_rows
from ledgerlink.signals import list_exported
from ledgerlink.timestamps import rfc3339
from transactions.approval_model import Approval
from transactions.backfill import Rebuilt
from transactions.instructions import Approved, Posted, StatusChanged
from transactions.models import TransactionLimit
from transactions.signals import (
    approval_changed,
    history_rebuilt,
    limit_changed,
    statuses_changed,
    transactions_posted,
)
from users.actors import NAME_MAX_LENGTH, Actor
from users.models import ApiKey, User
from users.signals import (
    api_key_changed,
    login_failed,
    login_locked,
    user_changed,
    users_created,
)

_COLUMNS = (
    "actor_id",
    "actor_name",
    "action",
    "entity_type",
    "entity_id",
    "details",
    "request_id",
    "trace_id",
    "ip",
    "created_at",
)
Row = tuple[object, ...]


def _row(
    actor: Actor,
    action: str,
    entity: tuple[EntityType, object],
    details: dict[str, Any],
    at: datetime,
) -> Row:
    return (
        "" if actor.user_id is None else str(actor.user_id),
        actor.name[:NAME_MAX_LENGTH],
        action,
        entity[0].value,
        str(entity[1])[:64],
        details,
        actor.request.request_id,
        actor.request.trace_id,
        actor.request.ip,
        at,
    )


def _write(rows: Iterable[Row]) -> None:
    insert_rows(AuditLog, _COLUMNS, rows)


@receiver(transactions_posted, dispatch_uid="audit.record_transactions")
def record_transactions(posted: Sequence[Posted], at: datetime, **_kwargs: Any) -> None:
    _write(_transaction_row(p, at) for p in posted)


def _transaction_row(posted: Posted, at: datetime) -> Row:
    t = posted.transaction
    actor, both = _people(posted.order.actor, posted.order.approved)
    details: dict[str, Any] = {
        "type": t.type,
        "amount": format_amount(t.amount, t.currency),
        "currency": t.currency,
        "from": posted.from_user.username if posted.from_user else str(posted.source),
        "to": posted.to_user.username if posted.to_user else str(posted.destination),
    }
    if t.reference:
        details["reference"] = t.reference
    if t.failure_code:
        details["failure_code"] = t.failure_code
    if t.reverses_id is not None:
        details["reverses"] = str(t.reverses_id)
        details["reason"] = t.description
    action = f"transaction.{posted.action}"
    return _row(actor, action, (EntityType.TRANSACTION, t.pk), details | both, at)


def _people(asking: Actor, approved: Approved | None) -> tuple[Actor, dict[str, Any]]:
    """Who did it in this request, and what names the other one where there were two."""
    if approved is None:
        return asking, {}
    return approved.by, {"requested_by": asking.name, "approval": str(approved.approval_id)}


@receiver(statuses_changed, dispatch_uid="audit.record_statuses")
def record_statuses(changes: Sequence[StatusChanged], at: datetime, **_kwargs: Any) -> None:
    _write(_status_row(change, at) for change in changes)


def _status_row(change: StatusChanged, at: datetime) -> Row:
    order = change.order
    details: dict[str, Any] = {
        "of": change.owner,
        "currency": order.currency,
        "changes": {"status": [str(change.before), str(order.status)]},
        "reason": order.reason,
    }
    if order.until is not None:
        details["until"] = rfc3339(order.until)
    actor, both = _people(order.actor, order.approved)
    action = "unfrozen" if order.status == BalanceStatus.ACTIVE else "frozen"
    entity = (EntityType.BALANCE, change.balance.id)
    return _row(actor, f"balance.{action}", entity, details | both, at)


@receiver(history_rebuilt, dispatch_uid="audit.record_rebuilt_history")
def record_rebuilt_history(rebuilt: Rebuilt, actor: Actor, **_kwargs: Any) -> None:
    balance = rebuilt.balance
    details = {
        "of": balance.owner_name,
        "currency": balance.currency,
        "entries": rebuilt.count,
        "first_version": rebuilt.first[0].version,
        "last_version": rebuilt.last_version,
    }
    entity = (EntityType.BALANCE, balance.pk)
    _write([_row(actor, "balance.history_rebuilt", entity, details, timezone.now())])


@receiver(limit_changed, dispatch_uid="audit.record_limit")
def record_limit(
    limit: TransactionLimit,
    actor: Actor,
    approved: Approved | None,
    changes: dict[str, Any],
    **_kwargs: Any,
) -> None:
    actor, both = _people(actor, approved)
    details = {
        "of": limit.user.username if limit.user is not None else f"role {limit.role}",
        "currency": limit.currency,
        "changes": changes,
        **both,
    }
    _write([_row(actor, "limit.changed", (EntityType.LIMIT, limit.pk), details, timezone.now())])


@receiver(approval_changed, dispatch_uid="audit.record_approval")
def record_approval(approval: Approval, actor: Actor, **_kwargs: Any) -> None:
    known: dict[str, Any] = {
        "kind": str(approval.kind),
        "summary": approval.summary,
        "reason": approval.reason,
        "requested_by": approval.requested_by.username,
    }
    if approval.decided_by is not None:
        known["decided_by"] = approval.decided_by.username
    if approval.transaction_id is not None:
        known["transaction"] = str(approval.transaction_id)
    known |= {
        name: getattr(approval, name)
        for name in ("comment", "failure_code")
        if getattr(approval, name)
    }
    entity = (EntityType.APPROVAL, approval.pk)
    at = approval.decided_at or approval.requested_at
    _write([_row(actor, f"approval.{approval.status}", entity, known, at)])


@receiver(list_exported, dispatch_uid="audit.record_export")
def record_export(
    user: User, name: str, action: str, details: dict[str, Any], **_kwargs: Any
) -> None:
    actor = Actor.of(user)
    _write([_row(actor, f"export.{action}", (EntityType.LIST, name), details, timezone.now())])


@receiver(users_created, dispatch_uid="audit.record_users_created")
def record_users_created(users: Sequence[User], actor: Actor, **_kwargs: Any) -> None:
    at = timezone.now()
    _write(
        _row(
            actor,
            "user.created",
            (EntityType.USER, user.pk),
            {"username": user.username, "role": str(user.role)},
            at,
        )
        for user in users
    )


@receiver(user_changed, dispatch_uid="audit.record_user_changed")
def record_user_changed(
    user: User, actor: Actor, action: str, changes: dict[str, Any], **_kwargs: Any
) -> None:
    details = {"username": user.username, **({"changes": changes} if changes else {})}
    _write([_row(actor, f"user.{action}", (EntityType.USER, user.pk), details, timezone.now())])


@receiver(login_failed, dispatch_uid="audit.record_login_failed")
def record_login_failed(identifier: str, actor: Actor, **_kwargs: Any) -> None:
    details = {"identifier": identifier[:254]}
    _write([_row(actor, "user.login_failed", (EntityType.USER, ""), details, timezone.now())])


@receiver(login_locked, dispatch_uid="audit.record_login_locked")
def record_login_locked(identifier: str, where: str, actor: Actor, **_kwargs: Any) -> None:
    details = {"identifier": identifier[:254], "where": where}
    _write([_row(actor, "user.login_locked", (EntityType.USER, ""), details, timezone.now())])


@receiver(api_key_changed, dispatch_uid="audit.record_api_key_changed")
def record_api_key_changed(
    key: ApiKey, actor: Actor, action: str, details: dict[str, Any], **_kwargs: Any
) -> None:
    known = {"name": key.name, "prefix": key.prefix, "username": key.user.username, **details}
    _write([_row(actor, f"api_key.{action}", (EntityType.API_KEY, key.pk), known, timezone.now())])
