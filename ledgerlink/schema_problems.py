"""The OpenAPI document: every problem that an endpoint may answer with, by its code."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ledgerlink.errors import LedgerError
from ledgerlink.problems import phrase_of

Json = dict[str, Any]
REQUEST_ID = "5fa86c7f642284e758542ab17f91faef"


@dataclass(frozen=True, slots=True)
class Refusal:
    code: str
    status: int
    title: str
    detail: str
    also: tuple[int, ...] = ()  # other statuses that it may have

    @property
    def example(self) -> Json:
        return {
            "type": f"urn:ledger-link:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": REQUEST_ID,
        }


class Refusals(dict[str, Refusal]):
    """By code. Endpoints name theirs, and by naming them, add them."""

    def of(self, error: type[LedgerError], also: tuple[int, ...] = ()) -> str:
        refusal = Refusal(error.code, error.status, error.title, f"{error.title}.", also)
        return self.setdefault(error.code, refusal).code


# What the framework and the layers around the views answer (`problems`, `middleware`, `health`).
REFUSALS = Refusals(
    {
        code: Refusal(code, status, phrase_of(status), detail)
        for code, status, detail in (
            ("invalid_request", 400, "Check these fields: amount."),
            ("invalid_json", 400, "The body is not valid JSON: line 1, column 1."),
            ("not_authenticated", 401, "Authentication credentials were not provided."),
            ("invalid_token", 401, "The token is invalid or expired."),
            ("invalid_api_key", 401, "The API key is unknown, expired or revoked."),
            ("permission_denied", 403, "You may not do this."),
            ("insufficient_scope", 403, "This API key needs the scope `read` for this."),
            ("api_key_not_accepted", 403, "Sign in as a person for this."),
            ("not_found", 404, "There is nothing here."),
            ("not_acceptable", 406, "Could not satisfy the request Accept header."),
            ("length_required", 411, "Send the body with a Content-Length, not in chunks."),
            ("body_too_large", 413, "The body has 2000000 bytes; the limit is 1048576."),
            ("unsupported_media_type", 415, "Send `application/json`."),
            ("rate_limited", 429, "Too many requests. Try again in 21 seconds."),
            ("internal_error", 500, "Something went wrong on our side."),
            ("service_unavailable", 503, "The database can't be reached. Try again."),
        )
    }
)

_FIELD_ERROR: Json = {
    "type": "object",
    "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
    "required": ["code", "detail"],
}
_SELF = {"$ref": "#/components/schemas/FieldErrors"}
SCHEMAS: Json = {
    "Problem": {
        "type": "object",
        "description": "RFC 9457. `code` is for programs and is never renamed; `detail` is human.",
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string"},
            "request_id": {"type": "string", "description": "As in the header X-Request-ID."},
            "errors": _SELF,
            "transaction_id": {
                "type": "string",
                "format": "uuid",
                "description": "The failed transaction that was kept, or the one it is about.",
            },
            "approval_id": {
                "type": "string",
                "format": "uuid",
                "description": "The approval that has failed.",
            },
            "limit": {"type": "string", "description": "The limit that was exceeded."},
            "remaining": {"type": "string", "description": "What of it is left."},
            "current_version": {"type": "integer", "description": "Of the paying balance."},
            "index": {"type": "integer", "description": "Of the culprit in a batch, from 0."},
            "reason": {"type": "string", "description": "The code of the culprit in a batch."},
            "retry_after": {"type": "integer", "description": "Seconds."},
        },
        "required": ["type", "title", "status", "detail", "code", "request_id"],
    },
    "FieldErrors": {
        "type": "object",
        "description": "What is wrong with each field; nested for nested fields.",
        "additionalProperties": {
            "anyOf": [{"type": "array", "items": {"anyOf": [_FIELD_ERROR, _SELF]}}, _SELF]
        },
    },
}


def examples() -> Json:
    """Of every problem that an endpoint names."""
    return {code: {"value": refusal.example} for code, refusal in REFUSALS.items()}


def response(status: int, codes: Iterable[str]) -> Json:
    """The answer with one of these problems."""
    ordered = sorted(set(codes))
    return {
        "description": "; ".join(f"`{code}`: {REFUSALS[code].title}" for code in ordered) + ".",
        "content": {
            "application/problem+json": {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Problem"},
                        {
                            "type": "object",
                            "properties": {
                                "status": {"const": status},
                                "code": {"enum": ordered},
                            },
                        },
                    ]
                },
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in ordered},
            }
        },
    }
