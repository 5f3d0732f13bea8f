"""Records of the audit trail in words."""

from audit.wording import action_name, entity_name, in_words
from transactions.errors import InsufficientFunds


def test_actions_and_entities_are_named_for_people() -> None:
    assert action_name("user.logged_in") == "User: logged in"
    assert action_name("api_key.created") == "API key: created"
    assert entity_name("api_key", "7") == "API key 7"
    long = "01a20c88-313d-75e5-bc5c-7eaba97aa921"
    assert entity_name("transaction", long) == "transaction …7aa921"


def test_details_are_told_with_before_and_after() -> None:
    details = {
        "username": "alice",
        "changes": {"role": ["user", "admin"], "per_day": [None, "5.00"]},
        "scopes": ["read", "batch"],
        "allow_overdraft": True,
        "of": {"currency": "USD", "note": ""},
    }
    assert in_words(details) == (
        "username: alice, changes: role user → admin, per day none → 5.00, scopes: read, batch, "
        "allow overdraft: yes, of: currency: USD, note: none"
    )
    assert in_words({"changes": "all", "other": {"changes": {"name": "x"}}}) == (
        "changes: all, other: changes: name x"
    )


def test_refusals_and_amounts_are_told_as_elsewhere() -> None:
    details = {"amount": "1234.50", "failure_code": InsufficientFunds.code}
    assert (
        in_words(details) == "amount: 1,234.50, failure code: there is not enough money available"
    )
    assert in_words({"changes": {"per_day": [None, "5000"]}}) == "changes: per day none → 5,000"
    assert in_words({"amount": "all", "failure_code": "gone"}) == "amount: all, failure code: gone"
