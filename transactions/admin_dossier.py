"""The page of one transaction: who, how much, what happened when, and everything that belongs to
it. A fixed number of queries, whatever the transaction."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from balances.models import BalanceHistory
from balances.money import money
from ledgerlink.admin import shown_json
from ledgerlink.dossier import Event, Record, deeds_of, panels_of, trail_of
from transactions.admin_colours import STATUS_COLOURS
from transactions.approval_model import Approval
from transactions.enums import TransactionStatus
from transactions.errors import refusal_of
from transactions.models import IdempotencyKey, Transaction
from transactions.queries import UNDONE

RELATED = (
    "source__user",
    "destination__user",
    "requested_by",
    "reverses",
    "approval__requested_by",
    "approval__decided_by",
)
MAX_REVERSALS = 20  # shown; the others are a link away
MAX_RECORDS = 20
MAX_KEYS = 5


def transaction_dossier(request: HttpRequest, transaction: Transaction) -> dict[str, Any]:
    """`transaction` has its RELATED rows."""
    t = transaction
    records = trail_of("transaction", str(t.pk), MAX_RECORDS)
    reversals = _reversals(t)
    refusal = refusal_of(t.failure_code) if t.status == TransactionStatus.FAILED else None
    return {
        "status_colour": STATUS_COLOURS[TransactionStatus(t.status)],
        "amount": money(t.amount, t.currency),
        "authorized": _authorized(t),
        "refusal": refusal.title if refusal else "",
        "parties": [("From", t.source), ("To", t.destination)],
        "timeline": _timeline(t, records, [reversal for reversal, _ in reversals["shown"]]),
        "entries": _entries(t),
        "reversals": reversals,
        "keys": list(IdempotencyKey.objects.filter(transaction=t)[:MAX_KEYS]),
        "asked": records[0] if records else None,
        "metadata": shown_json(t.metadata),
        "deeds": [] if reversals["is_whole"] else deeds_of("transaction", request, t),
        "panels": panels_of("transaction", request, t),
    }


def _authorized(t: Transaction) -> str:
    """What was held, where that is not what moved."""
    if t.authorized_amount in {None, t.amount}:
        return ""
    return money(t.authorized_amount or 0, t.currency)


def _entries(t: Transaction) -> list[dict[str, Any]]:
    sides = {t.source_id: t.source, t.destination_id: t.destination}
    rows = BalanceHistory.objects.filter(transaction=t).order_by("delta")
    return [
        {
            "entry": entry,
            "balance": sides[entry.balance_id],
            "before": money(entry.amount_before, t.currency),
            "change": ("+" if entry.delta > 0 else "") + money(entry.delta, t.currency),
            "after": money(entry.amount_after, t.currency),
        }
        for entry in rows
    ]


def _reversals(t: Transaction) -> dict[str, Any]:
    done = Transaction.objects.filter(reverses=t)
    totals = done.aggregate(**UNDONE)
    undone = int(totals["undone"] or 0)
    shown = done.select_related("requested_by").order_by("pk")[:MAX_REVERSALS]
    return {
        "shown": [(reversal, money(reversal.amount, t.currency)) for reversal in shown],
        "count": totals["times"],
        "undone": money(undone, t.currency) if undone else "",
        "left": money(t.amount - undone, t.currency),
        "is_whole": undone == t.amount,
    }


# --- The timeline ---


def _timeline(
    t: Transaction, records: Sequence[Record], reversals: Sequence[Transaction]
) -> list[Event]:
    approval = getattr(t, "approval", None)
    events = _approved(approval) if approval is not None else []
    if approval is None or t.status == TransactionStatus.FAILED:
        events.append(_asked(t, records))
    events += [event for record in records if (event := _settled(t, record)) is not None]
    if t.completed_at is not None and t.authorized_amount is None:
        events.append(Event(t.completed_at, "Completed", text="The money moved", colour="success"))
    events += [_reversed(t, reversal) for reversal in reversals]
    if t.status == TransactionStatus.PENDING and t.expires_at is not None:
        events.append(Event(t.expires_at, "Expires", text="unless it is captured before"))
    return sorted(events, key=lambda event: event.at)


def _approved(approval: Approval) -> list[Event]:
    """Asked for by one person, approved by another."""
    events = [Event(approval.requested_at, "Asked for", approval.requested_by.username)]
    if approval.decided_at is not None and approval.decided_by is not None:
        events.append(Event(approval.decided_at, "Approved", approval.decided_by.username))
    return events


def _asked(t: Transaction, records: Sequence[Record]) -> Event:
    """The trail names the key or the command where it was not a person, and where there were two
    people the second."""
    asked = t.requested_by.username if t.requested_by else ""
    who = records[0].actor_name if records and t.approved_by is None else asked
    if t.status == TransactionStatus.FAILED:
        refusal = refusal_of(t.failure_code)
        return Event(t.created_at, "Refused", who, refusal.title if refusal else "", "danger")
    if t.authorized_amount is not None:
        held = money(t.authorized_amount, t.currency)
        return Event(t.created_at, "Asked for", who, f"{held} held", "info")
    return Event(t.created_at, "Asked for", who)


_SETTLED = {
    "transaction.captured": ("Captured", "success"),
    "transaction.cancelled": ("Cancelled", "warning"),
    "transaction.expired": ("Expired", "warning"),
}


def _settled(t: Transaction, record: Record) -> Event | None:
    if record.action not in _SETTLED:
        return None
    title, colour = _SETTLED[record.action]
    text = "The hold was released"
    if record.action == "transaction.captured":
        text = f"{money(t.amount, t.currency)} moved"
    return Event(record.created_at, title, record.actor_name, text, colour)


def _reversed(t: Transaction, reversal: Transaction) -> Event:
    who = reversal.requested_by.username if reversal.requested_by else ""
    amount = money(reversal.amount, t.currency)
    if reversal.status == TransactionStatus.COMPLETED:
        return Event(reversal.created_at, "Reversed", who, f"{amount} given back", "warning")
    return Event(reversal.created_at, "Reversal refused", who, amount, "danger")
