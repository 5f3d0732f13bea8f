"""Statements as JSON."""

from typing import Any

from balances.money import format_amount
from balances.statements import Line, Statement, Totals
from ledgerlink.timestamps import rfc3339


def represent_statement(statement: Statement) -> dict[str, Any]:
    currency, period = statement.currency, statement.period
    totals = Totals()
    entries = [_represent_line(line, currency) for line in statement.lines(totals)]
    return {
        "user": {"id": statement.owner.pk, "username": statement.owner.username},
        "currency": currency,
        "period": {
            "from": rfc3339(period.start),
            "to": rfc3339(period.end),
            "provisional": period.provisional,
        },
        "opening": format_amount(statement.opening, currency),
        "entries": entries,
        "closing": format_amount(statement.closing, currency),
        "totals": {
            "in": format_amount(totals.incoming, currency),
            "out": format_amount(totals.outgoing, currency),
            "count": totals.count,
        },
    }


def _represent_line(line: Line, currency: str) -> dict[str, Any]:
    return {
        "created_at": rfc3339(line.created_at),
        "effective_at": rfc3339(line.effective_at),
        "type": line.type,
        "counterparty": line.counterparty,
        "reference": line.reference,
        "description": line.description,
        "delta": format_amount(line.delta, currency),
        "balance": format_amount(line.after, currency),
        "version": line.version,
        "transaction_id": str(line.transaction_id),
    }
