"""The cursor of `ledgerlink.mysql`: mysqlclient's, with cheaper multi-row INSERTs."""

from collections.abc import Iterator, Sequence
from typing import Any

from MySQLdb import cursors


class Cursor(cursors.Cursor):  # type: ignore[misc] # mysqlclient has no types
    """mysqlclient quotes every value of every row, and calls Python for each. Most columns of a
    batch hold few different values: here each of them is quoted once.
    """

    max_stmt_length = 1_000_000  # bytes; any server's max_allowed_packet is more

    def executemany(self, query: str, args: Sequence[Sequence[Any]]) -> int | None:
        """As mysqlclient, `VALUES` with nothing but `%s` makes multi-row INSERTs."""
        insert, values, marks = query.partition(" VALUES ")
        if not args or not values or marks.strip("(%s, )"):
            done: int | None = super().executemany(query, args)
            return done
        encoding = self._get_db().encoding
        prefix = (insert + values).encode(encoding)
        written: int = sum(self.execute(each) for each in self._statements(prefix, args))
        self.rowcount = written
        return written

    def _statements(self, insert: bytes, rows: Sequence[Sequence[Any]]) -> Iterator[bytearray]:
        statement = bytearray()
        quoted = [self._quoted(column) for column in zip(*rows, strict=True)]
        for row in zip(*quoted, strict=True):
            text = b"(%s)" % b",".join(row)
            if statement and len(statement) + len(text) < self.max_stmt_length:
                statement += b"," + text
                continue
            if statement:
                yield statement
            statement = bytearray(insert + text)
        yield statement

    def _quoted(self, column: Sequence[Any]) -> list[bytes]:
        literal = self._get_db().literal
        literals = {
            value: b"%d" % value if type(value) is int else literal(value) for value in set(column)
        }
        return [literals[value] for value in column]
