"""Writing many rows of one table with as few statements as the engine allows."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models


def insert_rows(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """INSERT `rows`, whose values stand in the order of `columns` (attribute names, `owner_id`).

    mysqlclient joins them into multi-row statements only while VALUES holds nothing but `%s`;
    SQLite prepares one statement. No model is instantiated and no `save` signal is sent: the
    callers are the receivers that write the books, once per batch.
    """
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    fields = [by_name[name] for name in columns]
    convert = [_converter(field) for field in fields]
    values = [
        tuple(
            value if to_column is None or value is None else to_column(value)
            for to_column, value in zip(convert, row, strict=True)
        )
        for row in rows
    ]
    if not values:
        return
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    table = quote(model._meta.db_table)
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of ours
    with connection.cursor() as cursor:
        cursor.executemany(statement, values)


def _converter(field: Any) -> Callable[[Any], Any] | None:
    if isinstance(field, models.ForeignKey):
        field = field.target_field
    match field:
        case models.UUIDField():
            return str if connection.features.has_native_uuid_field else _hex
        case models.DateTimeField():
            return _datetime
        case models.JSONField():
            return dump_json
        case _:
            return None


def _hex(value: Any) -> str:
    return str(value.hex)


def _datetime(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


def dump_json(value: Any) -> str:
    """JSON as the ORM stores it."""
    return json.dumps(value, cls=DjangoJSONEncoder, separators=(",", ":"))
