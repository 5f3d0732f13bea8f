"""Sealing the audit trail: each seal proves what the trail held when it was made.

An id is given to a record when it is written, not when it is committed, so a record may appear
later than one with a higher id. A seal must not reach beyond such a record. SQLite has one writer
at a time, so ids appear in order. On the MySQL family a seal ends at a record that is SETTLED old,
by which time the transactions that were writing beside it have ended, and it is made under locks on
everything that it covers, gaps included: a record that is written but not committed is waited for,
and none can be written there until the seal is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import IntegrityError, OperationalError, connection
from django.db.transaction import atomic
from django.utils import timezone

from audit.fingerprints import NO_SEAL, Fingerprint, pages, seal_hash
from audit.models import AuditLog, Seal
from ledgerlink.database_errors import is_collision
from ledgerlink.operators import operator

SETTLED = timedelta(minutes=10)
RECORDS_PER_SEAL = 100_000


class NotSettledError(Exception):
    """A record that the seal would cover is still being written."""


class SealedMeanwhileError(Exception):
    """Another run made the seal."""


def seal_trail(
    *, settled: timedelta | None = None, on_seal: Callable[[Seal], None] = lambda _seal: None
) -> None:
    """Seal all settled records since the last seal, RECORDS_PER_SEAL by each, and tell of each.

    `settled` is the age from which a record counts as settled; None is SETTLED, or nothing on an
    engine with one writer at a time. Raises NotSettledError or SealedMeanwhileError; the seals
    made before stay.
    """
    horizon = last_settled(settled)
    last = Seal.objects.order_by("number").last()
    while last is None or last.last_id < horizon:
        covered = _covered(last, horizon)
        if not covered.count:
            return
        made = _seal(last, covered)
        if made is not None:
            on_seal(made)
            last = made


def last_settled(settled: timedelta | None = None) -> int:
    """The id of the last record that may be sealed, 0 when there is none."""
    if settled is None:
        settled = SETTLED if connection.vendor == "mysql" else timedelta(0)
    records = AuditLog.objects.order_by("-created_at", "-id")
    if settled:
        records = records.filter(created_at__lte=timezone.now() - settled)
    else:
        records = AuditLog.objects.order_by("-id")
    return records.values_list("id", flat=True).first() or 0


def _covered(last: Seal | None, horizon: int) -> Fingerprint:
    covered = Fingerprint()
    for page in pages(last.last_id if last else None, horizon):
        for record in page[: RECORDS_PER_SEAL - covered.count]:
            covered.add(record)
        if covered.count == RECORDS_PER_SEAL:
            break
    return covered


def _seal(last: Seal | None, covered: Fingerprint) -> Seal | None:
    """None when records have appeared since they were read; then they are to be read anew."""
    seal = Seal(
        number=last.number + 1 if last else 1,
        first_id=covered.first_id,
        last_id=covered.last_id,
        count=covered.count,
        records_hash=covered.records_hash,
        previous_hash=last.hash if last else NO_SEAL,
        sealed_at=timezone.now(),
        sealed_by=operator(),
    )
    seal.hash = seal_hash(seal)
    try:
        with _locking_gaps():
            if _lock(last.last_id if last else None, covered.last_id) != covered.count:
                return None
            seal.save(force_insert=True)
    except IntegrityError as error:
        raise SealedMeanwhileError from error
    except OperationalError as error:
        if is_collision(error):
            raise NotSettledError from error
        raise
    return seal


@contextmanager
def _locking_gaps() -> Iterator[None]:
    """A database transaction in which locking reads lock what is not there as well, which READ
    COMMITTED does not."""
    if connection.vendor == "mysql" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    with atomic():
        yield


def _lock(after: int | None, last: int) -> int:
    """Hold off whoever would write a record between `after` and `last`; how many there are.

    The last one is left out of the locked range, and counted: a range that ends with it would
    lock the place behind it as well, where everybody writes.
    """
    above, bounds = ("", [last]) if after is None else ("AND id > %s", [last, after])
    index, lock = (
        ("FORCE INDEX (PRIMARY)", "LOCK IN SHARE MODE")
        if connection.vendor == "mysql"
        else ("", "")
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*) FROM audit_auditlog {index} WHERE id < %s {above} {lock}",  # noqa: S608
            bounds,
        )
        (before,) = cursor.fetchone()
    return int(before) + 1
