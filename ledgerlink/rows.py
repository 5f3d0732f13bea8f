"""Many rows of one table, written with as few statements as the engine allows, and read without
building a query each time."""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.constants import OnConflict

_Converter = Callable[[Any], Any]


def insert_rows(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    on_conflict: OnConflict | None = None,
) -> None:
    """INSERT `rows`, whose values stand in the order of `columns` (attribute names, `owner_id`).

    `ledgerlink.mysql` joins them into multi-row statements only while VALUES holds nothing but
    `%s`; SQLite prepares one statement. A column that is None throughout is left out, which is
    NULL. No model is instantiated and no `save` signal is sent: the callers are the receivers that
    write the books, once per batch.
    """
    rows = list(rows)
    if not rows:
        return
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    filled = [
        (by_name[name], values)
        for name, values in zip(columns, zip(*rows, strict=True), strict=True)
        if values.count(None) < len(values)
    ]
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(field.column)) for field, _ in filled)
    marks = ", ".join(["%s"] * len(filled))
    insert = connection.ops.insert_statement(on_conflict=on_conflict)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"{insert} {quote(model._meta.db_table)} ({names}) VALUES ({marks})",
            list(zip(*(_converted(field, values) for field, values in filled), strict=True)),
        )


def select_rows(
    model: type[models.Model],
    columns: Sequence[str],
    by: str,
    values: Collection[Any],
    *,
    or_null: bool = False,
    locked: bool = False,
) -> list[tuple[Any, ...]]:
    """The rows whose column `by` holds one of `values` (numbers or text), with `or_null` those
    where it holds nothing as well, in primary key order; `locked` until the end of the database
    transaction.

    What `values_list` answers, without what takes it longest: the ORM builds and compiles a query
    anew each time that it is asked.
    """
    if not values:
        return []
    select, convert = _selection(model, tuple(columns), by, or_null=or_null, locked=locked)
    with connection.cursor() as cursor:
        cursor.execute(select.replace(_ONE, f"IN ({', '.join(['%s'] * len(values))})"), [*values])
        return convert(cursor.fetchall())


_ONE = "IN (%s)"


@cache
def _selection(
    model: type[models.Model], columns: tuple[str, ...], by: str, *, or_null: bool, locked: bool
) -> tuple[str, Callable[[Iterable[Any]], list[tuple[Any, ...]]]]:
    """The SQL for one value, and what makes Python's values of the database's."""
    every: models.QuerySet[Any] = models.QuerySet(model)
    wanted = models.Q((f"{by}__in", [0]))
    if or_null:
        wanted |= models.Q((f"{by}__isnull", True))
    rows = every.filter(wanted).order_by("pk").values_list(*columns)
    compiler = (rows.select_for_update() if locked else rows).query.get_compiler(DEFAULT_DB_ALIAS)
    select, _ = compiler.as_sql()
    assert select.count(_ONE) == 1
    converters = [
        (place, expression, steps)
        for place, (steps, expression) in compiler.get_converters(
            [column for column, *_ in compiler.select]
        ).items()
    ]

    def convert(found: Iterable[Any]) -> list[tuple[Any, ...]]:
        return [_of_database(row, converters) for row in found]

    return select, convert


def _of_database(row: Sequence[Any], converters: Iterable[tuple[int, Any, Any]]) -> tuple[Any, ...]:
    values = list(row)
    for place, expression, steps in converters:
        for step in steps:
            values[place] = step(values[place], expression, connection)
    return tuple(values)


def _converted(field: Any, values: Sequence[Any]) -> Sequence[Any]:
    to_column = _converter(field)
    if to_column is None:
        return values
    return [None if value is None else to_column(value) for value in values]


def _converter(field: Any) -> _Converter | None:
    if isinstance(field, models.ForeignKey):
        field = field.target_field
    match field:
        case models.UUIDField():
            return str if connection.features.has_native_uuid_field else _hex
        case models.DateTimeField():
            return cache(connection.ops.adapt_datetimefield_value)  # one moment for a whole batch
        case models.JSONField():
            return dump_json
        case _:
            return None


def _hex(value: Any) -> str:
    return str(value.hex)


_encoder = DjangoJSONEncoder(separators=(",", ":"))


def dump_json(value: Any) -> str:
    """JSON as the ORM stores it."""
    return _encoder.encode(value)
