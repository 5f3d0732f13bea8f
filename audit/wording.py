"""Records of the audit trail in words, for people."""

from typing import Any

# Details whose values are words of the program, such as `debits_frozen`.
CODED = ("failure_code", "format", "kind", "role", "status", "type")


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
        case str() if name in CODED:
            return value.replace("_", " ")
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
