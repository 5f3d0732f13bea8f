"""The OpenAPI document: what is added to every endpoint after all were described."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from ledgerlink import schema_problems
from ledgerlink.problems import phrase_of
from ledgerlink.schema import COMPONENTS, NOTES, record
from ledgerlink.schema_problems import REFUSALS, Json

_METHODS = ("get", "post", "put", "patch", "delete")

_HEADERS: dict[str, tuple[str, Json]] = {
    "X-Request-ID": (
        "What this request is called in the log and in the audit trail.",
        {"type": "string"},
    ),
    "X-Trace-ID": (
        "Its trace: that of the `traceparent` it was sent with, or a new one.",
        {"type": "string"},
    ),
    "RateLimit-Limit": ("How many requests of this kind are allowed.", {"type": "integer"}),
    "RateLimit-Remaining": ("How many of them are left.", {"type": "integer"}),
    "RateLimit-Reset": ("In how many seconds they are counted anew.", {"type": "integer"}),
    "Retry-After": ("Seconds to wait before asking again.", {"type": "integer"}),
    "WWW-Authenticate": ("Which kinds of credentials are accepted.", {"type": "string"}),
    "Idempotent-Replayed": (
        "`true` when this is the answer to the first request with the same Idempotency-Key.",
        {"const": "true"},
    ),
}
_IDS = ("X-Request-ID", "X-Trace-ID")
_USAGE = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_HEADERS_OF = {
    "200": _USAGE,
    "201": _USAGE,
    "204": _USAGE,
    "401": ("WWW-Authenticate",),
    "429": (*_USAGE, "Retry-After"),
    "503": ("Retry-After",),
}
_REQUEST_ID_SENT = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "The caller's own id of the request: up to 64 letters, digits, `.`, `_` and "
    "`-`. Anything else is replaced by a new one.",
    "schema": {"type": "string"},
}

_ALWAYS = ("invalid_request", "not_acceptable", "internal_error", "service_unavailable")
_WITH_BODY = ("invalid_json", "length_required", "body_too_large", "unsupported_media_type")
_SIGNED_IN = ("not_authenticated", "invalid_token", "invalid_api_key")
_SHARED = {401, 406, 411, 413, 415, 429, 500, 503}  # the same wherever they are


def complete(result: Json, **_kwargs: Any) -> Json:
    """drf-spectacular's hook: fill in what every endpoint has."""
    parts: Json = result.setdefault("components", {})
    parts.setdefault("schemas", {}).update(schema_problems.SCHEMAS | COMPONENTS)
    _describe_requests(result)
    shared: Json = {}
    for path, _, operation in operations(result):
        by_status: dict[int, set[str]] = defaultdict(set)
        for code in _codes(path, operation):
            for status in (REFUSALS[code].status, *REFUSALS[code].also):
                by_status[status].add(code)
        for status, names in sorted(by_status.items()):
            operation["responses"][str(status)] = _response(status, names, shared)
        operation["responses"] = dict(sorted(operation["responses"].items()))
        _add_headers(operation)
        operation.setdefault("parameters", []).append(
            {"$ref": "#/components/parameters/X-Request-ID"}
        )
    result["paths"] = _health() | result["paths"]
    _add_headers({"responses": shared})
    parts["responses"] = {_name(status): response for status, response in sorted(shared.items())}
    parts["examples"] = schema_problems.examples()
    parts["parameters"] = {"X-Request-ID": _REQUEST_ID_SENT}
    parts["headers"] = {
        name: {"description": description, "schema": schema}
        for name, (description, schema) in _HEADERS.items()
    }
    result["components"] = {
        kind: dict(sorted(named.items())) for kind, named in sorted(parts.items())
    }
    return result


def operations(result: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in result["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield path, method, methods[method]


def _codes(path: str, operation: Json) -> set[str]:
    codes = {*operation.pop("x-refusals", ()), *_ALWAYS, "rate_limited"}
    if "requestBody" in operation:
        codes.update(_WITH_BODY)
    if operation.get("security"):
        codes.update(_SIGNED_IN)
    if "{id}" in path:
        codes.add("not_found")
    return codes


def _response(status: int, codes: set[str], shared: Json) -> Json:
    common = {*_ALWAYS, *_WITH_BODY, *_SIGNED_IN, "rate_limited"}
    made = schema_problems.response(status, codes)
    if status not in _SHARED or not codes <= common:
        return made
    shared.setdefault(str(status), made)
    return {"$ref": f"#/components/responses/{_name(str(status))}"}


def _name(status: str) -> str:
    return phrase_of(int(status)).replace(" ", "")


def _add_headers(operation: Json) -> None:
    with_key = any(p.get("name") == "Idempotency-Key" for p in operation.get("parameters", ()))
    for status, response in operation["responses"].items():
        if "$ref" in response:
            continue
        names = [*_IDS, *_HEADERS_OF.get(status, ())]
        if with_key and status in {"200", "201", "409", "422"}:
            names.append("Idempotent-Replayed")
        headers = response.setdefault("headers", {})
        headers.update({name: {"$ref": f"#/components/headers/{name}"} for name in names})


def _describe_requests(result: Json) -> None:
    """A member that is not known is refused; what the others mean is in the notes."""
    answers = COMPONENTS.keys() | schema_problems.SCHEMAS.keys()
    for name, schema in result["components"]["schemas"].items():
        if name not in answers and "properties" in schema:
            schema.setdefault("additionalProperties", False)
            for field, inner in schema["properties"].items():
                _tidy(inner)
                _note(field, inner)
    for _, _, operation in operations(result):
        for parameter in operation.get("parameters", ()):
            _tidy(parameter["schema"])
            _note(parameter["name"], parameter)


def _note(name: str, described: Json) -> None:
    if name in NOTES:
        described.setdefault("description", NOTES[name])


def _tidy(schema: Json) -> None:
    """Of what drf-spectacular writes, what says nothing."""
    for inner in (schema, schema.get("items", {})):
        inner.pop("x-spec-enum-id", None)
    if "enum" in schema or "allOf" in schema:
        schema.pop("minLength", None)
    if "allOf" in schema:
        (named,) = schema.pop("allOf")
        schema.update(named)


def _health() -> Json:
    """Answered before authentication and limits, by plain views."""
    ok = record("The process answers.", status={"const": "ok"})
    word = {"type": "string", "enum": ["ok", "unavailable", "pending", "contradicted"]}
    names = ("database", "migrations", "settings", "cache")
    checks = record("What was looked at.", **dict.fromkeys(names, word))
    ready = record(
        "Degraded: it serves, but without its cache.",
        status={"type": "string", "enum": ["ok", "degraded", "unavailable"]},
        checks=checks,
    )
    well = dict.fromkeys(names, "ok")
    away = well | {"database": "unavailable", "migrations": "pending"}
    serves = {"status": "ok", "checks": well}
    serves_not = {"status": "unavailable", "checks": away}
    return {
        "/api/v1/health": {
            "get": _probe(
                "live",
                "Liveness",
                "Whether the process answers, whatever becomes of what it needs.",
                {"200": ("It answers.", ok, {"status": "ok"})},
            )
        },
        "/api/v1/health/ready": {
            "get": _probe(
                "ready",
                "Readiness: the database, its migrations, the settings, the cache",
                "Whether to send it requests. Without its cache it serves, but slower.",
                {
                    "200": ("It can serve.", ready, serves),
                    "503": ("It can't serve now.", ready, serves_not),
                },
            )
        },
    }


def _probe(
    name: str, summary: str, description: str, answers: dict[str, tuple[str, Json, Json]]
) -> Json:
    """`answers` has for each status what it says, its schema and an example."""
    responses: Json = {}
    for status, (said, schema, shown) in answers.items():
        headers = [*_IDS, *(["Retry-After"] if status == "503" else [])]
        responses[status] = {
            "description": said,
            "headers": {header: {"$ref": f"#/components/headers/{header}"} for header in headers},
            "content": {"application/json": {"schema": schema, "example": shown}},
        }
    return {
        "operationId": f"health_{name}",
        "tags": ["Health"],
        "summary": summary,
        "description": description,
        "security": [],
        "responses": responses,
    }
