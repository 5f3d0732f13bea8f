"""The shape of the code: which way imports run, who touches balances, which rows may change."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent

# Each app may import itself, ledgerlink, and the apps to its right.
MAY_IMPORT = {
    "users": set(),
    "balances": {"users"},
    "transactions": {"users", "balances"},
    "audit": {"users", "balances", "transactions"},
    "ledgerlink": set(),
}  # fmt: skip
MAY_IMPORT_ANYTHING = {"ledgerlink/urls.py", "ledgerlink/wsgi.py"}

MONEY_MOVERS = {"lock_accounts", "save_accounts"}
MAY_MOVE_MONEY = {"transactions/book.py", "transactions/posting.py", "balances/accounts.py"}

JUNK_DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "shared"}

# Append-only rows are held by triggers against UPDATE and DELETE; of the mutable ones, money and
# its movements are held by triggers of their own.
APPEND_ONLY = {
    "balances.BalanceHistory": {"entry_never_changed", "entry_never_deleted"},
    "transactions.Reconciliation": {
        "reconciliation_never_changed",
        "reconciliation_never_deleted",
    },
    "balances.Currency": {"currency_never_changed", "currency_never_deleted"},
    "audit.AuditLog": {"audit_never_changed", "audit_never_deleted"},
    "users.UserNote": {"note_never_changed", "note_never_deleted"},
    "audit.Seal": {"seal_never_changed", "seal_never_deleted"},
    "audit.Verification": {"verification_never_changed", "verification_never_deleted"},
}
MUTABLE = {
    "users.User": set(),
    "users.ApiKey": set(),
    "users.LoginTally": set(),
    "users.Authenticator": set(),
    "users.RecoveryCode": set(),
    "balances.Balance": {
        "balance_never_deleted",
        "balance_version_grows",
        "balance_keeps_owner",
        "balance_amount_by_entries",
    },
    "transactions.Transaction": {
        "transaction_never_deleted",
        "transaction_final",
        "transaction_pending_stays",
        "transaction_reverses_within",
    },
    "transactions.IdempotencyKey": set(),
    "transactions.TransactionLimit": set(),
    "transactions.HourlyTotal": set(),  # what it sums up can't change
    "transactions.Approval": {"approval_never_deleted", "approval_final"},
}  # fmt: skip


def modules() -> list[str]:
    """Every module of the apps, as a path from the root; generated migrations aside."""
    found = (path.relative_to(ROOT) for app in MAY_IMPORT for path in (ROOT / app).rglob("*.py"))
    return sorted(str(path) for path in found if "migrations" not in path.parts)


def imports(module: str) -> Iterator[tuple[str, str]]:
    """Each imported module with the name taken from it ("" for the module as a whole), those in
    functions and under TYPE_CHECKING as well."""
    for node in ast.walk(ast.parse((ROOT / module).read_text(), module)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield from ((node.module or "", alias.name) for alias in node.names)


@pytest.mark.parametrize("module", [m for m in modules() if m not in MAY_IMPORT_ANYTHING])
def test_imports_run_one_way(module: str) -> None:
    app = module.split("/", maxsplit=1)[0]
    imported = {name.split(".", maxsplit=1)[0] for name, _ in imports(module)}
    ours = imported & (MAY_IMPORT.keys() | {"tests"})
    assert ours - MAY_IMPORT[app] - {app, "ledgerlink"} == set()


def test_only_the_posting_engine_locks_and_saves_balances() -> None:
    named = {
        module
        for module in modules()
        for node in ast.walk(ast.parse((ROOT / module).read_text(), module))
        if _name(node) in MONEY_MOVERS
    }
    assert named == MAY_MOVE_MONEY


def _name(node: ast.AST) -> str | None:
    """What a name, an attribute, an import or a definition is called."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
            return name
        case ast.FunctionDef(name=name):
            return name
        case _:
            return None


def test_only_approvals_say_that_a_second_person_agreed() -> None:
    saying = {
        module
        for module in modules()
        for node in ast.walk(ast.parse((ROOT / module).read_text(), module))
        if isinstance(node, ast.Call) and _name(node.func) == "Approved"
    }
    assert saying == {"transactions/approvals.py"}


def test_only_the_package_of_tracing_knows_opentelemetry() -> None:
    knowing = {
        module
        for module in modules()
        for name, _ in imports(module)
        if name.split(".", maxsplit=1)[0] == "opentelemetry"
    }
    assert {str(Path(module).parent) for module in knowing} == {"ledgerlink/tracing"}


def test_no_module_or_folder_is_a_junk_drawer() -> None:
    parts = {part for module in modules() for part in Path(module).with_suffix("").parts}
    assert parts & JUNK_DRAWERS == set()


def test_every_model_is_listed_as_mutable_or_append_only() -> None:
    models = {
        model._meta.label for model in apps.get_models() if model._meta.app_label in MAY_IMPORT
    }
    assert models == APPEND_ONLY.keys() | MUTABLE.keys()
    assert APPEND_ONLY.keys().isdisjoint(MUTABLE)


@pytest.mark.parametrize("label", [*APPEND_ONLY, *MUTABLE])
def test_triggers_of_each_model_are_in_the_database(db: None, label: str) -> None:
    triggers = triggers_of(apps.get_model(label)._meta.db_table)
    assert triggers.keys() == (APPEND_ONLY | MUTABLE)[label]
    if label in APPEND_ONLY:
        assert sorted(triggers.values()) == ["DELETE", "UPDATE"]


def triggers_of(table: str) -> dict[str, str]:
    """Name and event of each trigger on `table`."""
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute(
                "SELECT trigger_name, event_manipulation FROM information_schema.triggers "
                "WHERE trigger_schema = DATABASE() AND event_object_table = %s",
                [table],
            )
            return dict(cursor.fetchall())
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table]
        )
        rows = cursor.fetchall()
        return {name: "UPDATE" if " BEFORE UPDATE " in sql else "DELETE" for name, sql in rows}
