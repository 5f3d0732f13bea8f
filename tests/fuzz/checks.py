"""Loaded by schemathesis beside its own checks (SCHEMATHESIS_HOOKS)."""

from collections.abc import Iterator
from typing import Any

import schemathesis

# What no schema can say: rules about two fields, about what there is, or about how a number is
# written. Any other refusal of what the schema calls valid is a fault in one of the two.
BEYOND_SCHEMAS = {
    "amount_not_positive",
    "amount_too_large",
    "at_in_future",
    "either_required",
    "in_the_past",
    "incorrect_password",
    "invalid_amount",  # a number written with an exponent
    "invalid_cursor",
    "invalid_period",
    "no_balance",
    "not_frozen",
    "not_pending",
    "not_whole",  # a whole number written with a point
    "null_characters_not_allowed",
    "number_too_large",
    "password_entirely_numeric",
    "password_too_common",
    "password_too_short",
    "password_too_similar",
    "required",  # the currency of an amount
    "too_large",  # metadata, in bytes
    "blank",  # of white space alone, of which Unicode has more than a pattern tells
    "too_many_decimals",
    "unique",
    "unknown_user",
}


# Fields whose text has rules that a pattern can't hold: an address that mail can reach, and text
# without what can't be printed.
BEYOND_PATTERNS = {"email", "name"}


@schemathesis.check
def valid_data_is_understood(_context: Any, response: Any, case: Any) -> None:
    """What the schema allows is refused (400) only for reasons beyond schemas."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code != 400:
        return
    problem = response.json()
    if "NUL characters" in problem["detail"]:
        return  # which JSON has, and schemas can't forbid
    codes = {problem["code"], *_codes(problem.get("errors"))} - {"invalid_request"}
    assert codes <= BEYOND_SCHEMAS, f"valid data was refused: {problem}"


def _codes(errors: Any) -> Iterator[str]:
    """The codes in a tree of errors."""
    if isinstance(errors, list):
        for inner in errors:
            yield from _codes(inner)
    elif isinstance(errors, dict):
        if errors.keys() == {"code", "detail"}:
            yield errors["code"]
        else:
            for field, inner in errors.items():
                yield from () if field in BEYOND_PATTERNS else _codes(inner)
