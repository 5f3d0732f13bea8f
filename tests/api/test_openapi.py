"""The OpenAPI document and the pages that show it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from balances.typed_amounts import OtherCurrency
from bench.servers.process import REPOSITORY
from ledgerlink.errors import LedgerError
from ledgerlink.schema_problems import REFUSALS
from tests.api.client import Api, body_of
from transactions.backfill import HistoryContradicted
from transactions.csv_lines import ImportRefused
from transactions.errors import ExplanationMissing, ExplanationTooLong
from transactions.import_rows import InvalidRow
from users.errors import (
    ApiKeyMade,
    OtpInUse,
    OtpMandatory,
    RecoveryCodesRenewed,
    UserChanged,
)
from users.scopes import SCOPES

# Refusals that never leave by themselves, or only inside of others, and those of commands.
NOT_ANSWERED = {"error", "group_refused", "refused_before"} | {
    HistoryContradicted.code,
    ImportRefused.code,
    InvalidRow.code,
    OtherCurrency.code,
    ExplanationMissing.code,
    ExplanationTooLong.code,
    ApiKeyMade.code,
    OtpInUse.code,
    OtpMandatory.code,
    RecoveryCodesRenewed.code,
    UserChanged.code,
}


@pytest.fixture(scope="module")
def document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_committed_document_is_current(document: Any) -> None:
    committed = (REPOSITORY / "docs" / "openapi.yaml").read_bytes()
    assert OpenApiYamlRenderer().render(document) == committed, "run: make schema"


def test_document_is_valid_openapi_31(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    validate_schema(document)


def test_every_operation_is_described(document: Any) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["tags"], name
        for status, response in operation["responses"].items():
            resolved = response
            if "$ref" in response:
                resolved = document["components"]["responses"][response["$ref"].split("/")[-1]]
            assert resolved["description"], f"{name} {status}"
            assert "X-Request-ID" in resolved["headers"], f"{name} {status}"
            kinds = set(resolved.get("content", {}))
            if int(status) >= 400 and "Health" not in operation["tags"]:
                assert kinds == {"application/problem+json"}, f"{name} {status}"


def bodies(operation: Any) -> Iterator[tuple[str, Any]]:
    """What is sent and what is answered in JSON when all goes well, with their examples."""
    responses = {s: r for s, r in operation["responses"].items() if s < "300"}
    for name, body in {"request": operation.get("requestBody", {}), **responses}.items():
        if "application/json" in body.get("content", {}):
            yield name, body["content"]["application/json"]


def test_every_body_has_examples_and_they_are_valid(document: Any) -> None:
    for name, operation in operations(document):
        for what, media in bodies(operation):
            shown = [e["value"] for e in media.get("examples", {}).values()]
            shown += [media["example"]] if "example" in media else []
            assert shown, f"{name}, {what}"
            resolver = {"components": document["components"], **media["schema"]}
            for value in shown:
                Draft202012Validator(resolver).validate(value)


def test_every_operation_and_parameter_is_explained(document: Any) -> None:
    for name, operation in operations(document):
        assert operation["description"] or operation["summary"] == "The caller", name
        for parameter in operation.get("parameters", []):
            if "$ref" not in parameter:
                assert parameter["description"], f"{name}: {parameter['name']}"


def leaves(kind: type[LedgerError]) -> Iterator[type[LedgerError]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from leaves(inner)


def test_every_refusal_is_documented(document: Any) -> None:
    ours = {kind.code for kind in leaves(LedgerError) if not kind.__module__.startswith("tests")}
    of_fields = {"amount_not_positive", "amount_too_large", "invalid_amount", "too_many_decimals"}
    of_fields |= {"unknown_currency"}
    assert ours - REFUSALS.keys() == NOT_ANSWERED | of_fields
    assert document["components"]["examples"].keys() == REFUSALS.keys()


def test_scopes_of_api_keys_are_told(document: Any) -> None:
    told = re.findall(r"API keys need the scope `(\w+)`", yaml.safe_dump(document, width=10**6))
    assert sorted(told) == sorted(SCOPES.values())
    accepting = [name for name, o in operations(document) if {"apiKey": []} in o["security"]]
    assert len(accepting) == len(SCOPES)


def test_document_is_served_as_json_and_yaml(anonymous: Api, document: Any) -> None:
    as_json = anonymous.get("/api/schema")
    assert as_json["Content-Type"] == "application/json"
    assert body_of(as_json)["info"]["title"] == "Ledger Link"
    for as_yaml in (
        anonymous.get("/api/schema.yaml"),
        anonymous.send("GET", "/api/schema", headers={"Accept": "application/yaml"}),
    ):
        assert as_yaml["Content-Type"].startswith("application/yaml")
        assert yaml.safe_load(as_yaml.content) == body_of(as_json)


@pytest.mark.parametrize("page", ["/api/docs", "/api/redoc"])
def test_pages_name_no_other_host(anonymous: Api, page: str) -> None:
    response = anonymous.get(page)
    assert response["Content-Type"].startswith("text/html")
    assert re.findall(rb"(?:https?:)?//[a-z0-9.-]+\.[a-z]+", response.content) == []
