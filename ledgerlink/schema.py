"""The OpenAPI document: what all endpoints have in common.

Each app describes its own endpoints in `<app>/schema.py`, with `operation`. Requests are described
by the serializers that read them, so that each rule stands once; answers by JSON Schema
(`component`, `record`), since nothing else knows their shape.
"""

from collections.abc import Callable, Sequence
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from ledgerlink.errors import LedgerError
from ledgerlink.pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, InvalidCursor, InvalidPageSize
from ledgerlink.schema_problems import REFUSALS
from ledgerlink.serializers import PageQuery

Json = dict[str, Any]

A_TIME = "2026-11-22T19:03:37.000123Z"
A_TRANSACTION = "01a204c5-11bc-77df-ab65-030e8f2fd99f"

# --- Schemas --------------------------------------------------------------------------------------

COMPONENTS: dict[str, Json] = {}  # by name; `schema_hooks` puts them into the document


def component(name: str, schema: Json) -> Json:
    """Give a schema a name; returns the reference to it."""
    COMPONENTS[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}


# What a field of a request or a parameter means, by its name; each app adds its own.
NOTES: dict[str, str] = {"id": "The one it is about.", "status": "What has become of it."}


def record(description: str, optional: Sequence[str] = (), /, **members: Json) -> Json:
    """An object; a member is always there unless `optional` names it. `from_` is `from`."""
    properties = {name.rstrip("_"): schema for name, schema in members.items()}
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": required,
    }


def text(description: str = "", **more: Any) -> Json:
    return {"type": "string", **({"description": description} if description else {}), **more}


def whole(description: str = "", minimum: int = 0, **more: Any) -> Json:
    said = {"description": description} if description else {}
    return {"type": "integer", "minimum": minimum, **said, **more}


def flag(description: str) -> Json:
    return {"type": "boolean", "description": description}


def time(description: str) -> Json:
    return text(f"{description} RFC 3339, UTC.", format="date-time", examples=[A_TIME])


def or_null(schema: Json) -> Json:
    if "$ref" in schema:
        return {"oneOf": [schema, {"type": "null"}]}
    return schema | {"type": [schema["type"], "null"]}


def page_of(row: Json, name: str) -> Json:
    """The shape that all lists have."""
    link = or_null(text(format="uri"))
    return component(
        name,
        record(
            "Newest first. Follow the links as they are; they keep the filters.",
            next=link | {"description": "The page of older rows; null on the last page."},
            previous=link | {"description": "The page of newer rows; null on the first page."},
            results={"type": "array", "items": row, "maxItems": MAX_PAGE_SIZE},
        ),
    )


USER_ID = whole("The id of a user.", minimum=1, examples=[7])
UUID = text(format="uuid", examples=[A_TRANSACTION])
PARTY = component("Party", record("A user, by id and name alone.", id=USER_ID, username=text()))

# --- Parameters and headers -----------------------------------------------------------------------

_PAGING = [
    OpenApiParameter(
        "page_size",
        {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_PAGE_SIZE,
            "default": DEFAULT_PAGE_SIZE,
        },
        description="Rows of a page.",
    ),
    OpenApiParameter(
        "cursor",
        {"type": "string", "minLength": 1},
        description="Where a page begins, as the links `next` and `previous` tell it.",
    ),
]


def header(name: str, description: str, on: Sequence[int]) -> OpenApiParameter:
    """A header of the answers with these statuses."""
    return OpenApiParameter(
        name, str, OpenApiParameter.HEADER, description=description, response=list(on)
    )


LOCATION = header("Location", "The path of what was made.", [201])

# --- Operations -----------------------------------------------------------------------------------

NO_BODY = OpenApiResponse(description="Done; there is no body.")
Responses = dict[Any, OpenApiResponse]


def json_answer(
    body: Json, description: str, *examples: OpenApiExample, status: int = 200
) -> Responses:
    response = OpenApiResponse(body, description, examples=list(examples))
    return {(status, "application/json"): response}


def example(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value)


def page_example(name: str, row: Json) -> OpenApiExample:
    return example(name, {"next": None, "previous": None, "results": [row]})


def request_example(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)


def operation(
    name: str,
    tag: str,
    summary: str,
    description: str = "",
    *,
    answers: Responses,
    refused: Sequence[type[LedgerError] | str] = (),
    query: Any = None,
    body: Any = None,
    headers: Sequence[OpenApiParameter] = (),
    examples: Sequence[OpenApiExample] = (),
) -> Callable[[Any], Any]:
    """One endpoint. `refused` are the errors that are its own, or codes of `REFUSALS`; those that
    all endpoints share are added to every one."""
    parameters = [*([query] if query is not None else []), *headers]
    codes = [error if isinstance(error, str) else REFUSALS.of(error) for error in refused]
    if query is not None and issubclass(query, PageQuery):
        parameters += _PAGING
        codes += [REFUSALS.of(InvalidCursor), REFUSALS.of(InvalidPageSize)]
    return extend_schema(
        operation_id=name,
        tags=[tag],
        summary=summary,
        description=description,
        parameters=parameters,
        request=body,
        responses=answers,
        examples=list(examples),
        extensions={"x-refusals": codes},
    )


class LedgerSchema(AutoSchema):
    """Every answer is written out, pages as well."""

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False


def describe(view: type[Any], **described: Callable[[Any], Any]) -> None:
    """Say of each method of a view which operation it is."""
    for method, decorate in described.items():
        decorate(getattr(view, method))


class TrimmedText(OpenApiSerializerFieldExtension):
    """Text that is trimmed before it is looked at must hold more than spaces."""

    target_class = "ledgerlink.serializers.TextField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> Json:
        schema: Json = auto_schema._map_serializer_field(  # noqa: SLF001 - as the base class tells
            self.target, direction, bypass_extensions=True
        )
        if self.target.trim_whitespace and not self.target.allow_blank:
            schema["pattern"] = r"\S"
        return schema
