"""ETag and If-None-Match of GET /balances/current."""

import pytest

from balances.cache import balance_cache
from tests.api.client import CURRENT, Api, change_balance
from tests.books import fund
from users.models import User

QUERIES = [{}, {"currency": "USD"}, {"at": "2026-01-01T00:00:00Z"}]


def get(api: Api, if_none_match: str, **query: str) -> tuple[int, bytes, str]:
    headers = {"If-None-Match": if_none_match} if if_none_match else {}
    text = "&".join(f"{name}={value}" for name, value in query.items())
    response = api.send("GET", f"{CURRENT}?{text}", b"", headers=headers)
    assert response["Cache-Control"] == "private, no-cache"
    assert "Authorization" in response["Vary"]
    return response.status_code, response.content, response["ETag"]


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_unchanged_balance_is_answered_without_body(
    query: dict[str, str], alice: User, as_alice: Api
) -> None:
    fund(alice, "1.00")
    status, body, etag = get(as_alice, "", **query)
    assert status == 200
    assert body
    assert etag.startswith('"')
    for header in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        assert get(as_alice, header, **query) == (304, b"", etag)
    for header in ('"other"', etag.strip('"'), "nonsense", ","):
        assert get(as_alice, header, **query) == (200, body, etag)


def test_changed_balance_is_answered_anew(alice: User, as_alice: Api) -> None:
    fund(alice, "1.00")
    seen = [get(as_alice, "")[2]]
    for currency in ("USD", "JPY"):
        fund(alice, "1", currency)
        status, _body, etag = get(as_alice, seen[-1])
        assert status == 200
        assert etag not in seen
        seen.append(etag)


def test_held_money_changes_the_etag(alice: User, as_alice: Api, as_auditor: Api) -> None:
    fund(alice, "5.00")
    etag = get(as_alice, "")[2]
    assert get(as_auditor, etag, user_id=str(alice.pk))[0] == 304
    change_balance(alice, held=100)
    balance_cache().clear()  # the engine, unlike this change, fences it
    for api in (as_alice, as_auditor):
        assert get(api, etag, user_id=str(alice.pk))[0] == 200


def test_etags_of_two_users_differ(alice: User, bob: User, as_alice: Api, as_bob: Api) -> None:
    assert get(as_alice, "")[2] != get(as_bob, "")[2]
