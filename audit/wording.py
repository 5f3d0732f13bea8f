"""Records of the audit trail in words, for people."""

from collections.abc import Callable
from typing import Any

from ledgerlink.errors import title_of

# Details whose values are words of the program, such as `debits_frozen`.
CODED = ("format", "kind", "role", "status", "type")
AMOUNTS = ("amount", "per_day", "per_transaction")


def action_name(action: str) -> str:
    """`user.logged_in` as `User: logged in`."""
    entity, _, deed = action.replace("_", " ").partition(".")
    name = "API key" if entity == "api key" else entity.capitalize()
    return f"{name}: {deed}"


def entity_name(entity_type: str = "", entity_id: str = "") -> str:
    """`user 7`; of a long id only the end, which tells it from its neighbours."""
    name = "API key" if entity_type == "api_key" else entity_type.replace("_", " ")
    return f"{name} …{entity_id[-6:]}" if len(entity_id) > 20 else f"{name} {entity_id}".strip()


def in_words(details: dict[str, Any]) -> str:
    """`{"amount": "5.00", "changes": {"role": ["user", "admin"]}}` as
    `amount: 5.00, changes: role user → admin`."""
    parts = []
    for name, value in details.items():
        said = _changes(value) if name == "changes" else _said(value, name)
        parts.append(f"{name.replace('_', ' ')}: {said}")
    return ", ".join(parts)


def _changes(changes: Any) -> str:
    if not isinstance(changes, dict):
        return _said(changes)
    return ", ".join(
        f"{name.replace('_', ' ')} {' → '.join(_said(value, name) for value in pair)}"
        if isinstance(pair, list)
        else f"{name.replace('_', ' ')} {_said(pair, name)}"
        for name, pair in changes.items()
    )


def _said(value: Any, name: str = "") -> str:
    match value:
        case str() if name in _SAYERS and value:
            return _SAYERS[name](value)
        case None | "":
            return "none"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_said, value))
        case dict():
            return in_words(value)
        case _:
            return str(value)


def _spaced(word: str) -> str:
    return word.replace("_", " ")


def _refusal(code: str) -> str:
    return title_of(code).lower()


def _grouped(amount: str) -> str:
    """`1234.50` as `1,234.50`."""
    whole, point, decimals = amount.partition(".")
    return f"{int(whole):,}{point}{decimals}" if whole.isdecimal() else amount


_SAYERS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(CODED, _spaced),
    **dict.fromkeys(AMOUNTS, _grouped),
    "failure_code": _refusal,
}
