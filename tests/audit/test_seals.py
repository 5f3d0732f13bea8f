"""Seals of the audit trail: what is tampered with is found, and what is still being written is not
sealed over."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from threading import Event
from typing import Any

import pytest
from django.contrib.admin import site
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.transaction import atomic
from django.utils import timezone

from audit import sealing
from audit.admin_seals import VerificationAdmin
from audit.models import AuditLog, Seal, Verification
from audit.sealing import NotSettledError, SealedMeanwhileError, seal_trail
from audit.verification import verify_trail
from ledgerlink.operators import operator
from ledgerlink.timestamps import rfc3339
from tests import triggers
from tests.clock import utc
from tests.concurrency import PATIENCE, at_once, eventually, in_background

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = timedelta(0)
on_a_server = pytest.mark.skipif(
    "connection.vendor == 'sqlite'", reason="SQLite has one writer: ids appear in order"
)


def write(count: int = 1, **fields: Any) -> None:
    row = {"actor_name": "alice", "action": "user.updated", "created_at": timezone.now(), **fields}
    AuditLog.objects.bulk_create(AuditLog(**row) for _ in range(count))


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of seven records under three seals, of three, three and one."""
    monkeypatch.setattr(sealing, "RECORDS_PER_SEAL", 3)
    write(7, details={"b": 1, "a": "é"})
    seal_trail(settled=AT_ONCE)
    assert list(Seal.objects.values_list("number", "count")) == [(1, 3), (2, 3), (3, 1)]
    return list(AuditLog.objects.order_by("id").values_list("id", flat=True))


@contextmanager
def tampering() -> Iterator[None]:
    with triggers.suspended(connection):
        yield


def found() -> list[tuple[int, str]]:
    return [(finding.seal, finding.reason) for finding in verify_trail().broken]


def test_seals_follow_one_another_and_cover_every_record(sealed: list[int]) -> None:
    write(2)
    seal_trail(settled=AT_ONCE)
    seals = list(Seal.objects.order_by("number"))
    assert [seal.count for seal in seals] == [3, 3, 1, 2]
    assert [s.previous_hash for s in seals] == ["0" * 64, *(s.hash for s in seals[:-1])]
    assert [(s.first_id, s.last_id) for s in seals[:2]] == [
        (sealed[0], sealed[2]),
        (sealed[3], sealed[5]),
    ]
    assert {s.sealed_by for s in seals} == {operator()}
    write()
    report = verify_trail()
    assert (report.holds, report.seals, report.records, report.unsealed) == (True, 4, 9, 1)


def test_line_of_a_record_is_the_same_on_every_engine_and_for_ever() -> None:
    """Seals that were made once must be found good by whatever comes later."""
    write(
        id=4711,
        actor_id="7",
        entity_type="transaction",
        entity_id="01a204c5-11bc-77df-ab65-030e8f2fd99f",
        details={"to": "bob", "amount": "1.00", "from": "zoë", "n": [1, None, True]},
        request_id="req-1",
        ip="2001:db8::1",
        created_at=utc("2026-10-01 12:00"),
    )
    seal_trail(settled=AT_ONCE)
    line = (
        '[4711,"7","alice","user.updated","transaction","01a204c5-11bc-77df-ab65-030e8f2fd99f",'
        '{"amount":"1.00","from":"zo\\u00eb","n":[1,null,true],"to":"bob"},"req-1","",'
        '"2001:db8::1","2026-10-01T12:00:00.000000Z"]\n'
    )
    seal = Seal.objects.get()
    assert seal.records_hash == hashlib.sha256(line.encode()).hexdigest()
    text = (
        f'["ledgerlink-audit-seal-1",1,4711,4711,1,"{seal.records_hash}","{"0" * 64}",'
        f'"{rfc3339(seal.sealed_at)}","{seal.sealed_by}"]'
    )
    assert seal.hash == hashlib.sha256(text.encode()).hexdigest()


def change(ids: list[int]) -> None:
    AuditLog.objects.filter(pk=ids[4]).update(actor_name="mallory")


def remove(ids: list[int]) -> None:
    AuditLog.objects.filter(pk=ids[4]).delete()


def swap_in(ids: list[int]) -> None:
    record = AuditLog.objects.get(pk=ids[4])
    remove(ids)
    record.details = {"a": "é", "b": 2}
    record.save(force_insert=True)


def move_up(ids: list[int]) -> None:
    AuditLog.objects.filter(pk=ids[0]).update(id=-5)


def write_before_the_first(ids: list[int]) -> None:
    write(id=-5)


def change_seal(ids: list[int]) -> None:
    Seal.objects.filter(number=2).update(sealed_by="mallory")


def remove_seal(ids: list[int]) -> None:
    Seal.objects.filter(number=2).delete()


def remove_first_seal(ids: list[int]) -> None:
    Seal.objects.filter(number=1).delete()


def seal_anew(ids: list[int]) -> None:
    """What somebody does who knows how: the record, and its seal with a hash that fits."""
    change(ids)
    Seal.objects.filter(number=2).delete()
    Seal.objects.filter(number=3).delete()
    seal_trail(settled=AT_ONCE)
    assert Seal.objects.count() == 3


TAMPERING: list[tuple[Callable[[list[int]], None], list[tuple[int, str]]]] = [
    (change, [(2, "records_changed")]),
    (remove, [(2, "records_missing")]),
    (swap_in, [(2, "records_changed")]),
    (move_up, [(1, "records_changed")]),
    (write_before_the_first, [(1, "records_added")]),
    (change_seal, [(2, "seal_changed")]),
    (remove_seal, [(2, "seal_missing")]),
    (remove_first_seal, [(1, "seal_missing")]),
    (seal_anew, []),  # which only a hash that was kept elsewhere tells
]


@pytest.mark.parametrize(
    ("tamper", "expected"), TAMPERING, ids=lambda p: getattr(p, "__name__", "")
)
def test_tampering_is_found(
    sealed: list[int],
    tamper: Callable[[list[int]], None],
    expected: list[tuple[int, str]],
) -> None:
    kept = {seal.number: seal.hash for seal in Seal.objects.all()}
    assert verify_trail(kept).holds
    with tampering():
        tamper(sealed)
    assert found() == expected
    if tamper is seal_anew:
        reasons = [(f.seal, f.reason) for f in verify_trail(kept).broken]
        assert reasons == [(2, "hash_not_as_kept"), (3, "hash_not_as_kept")]


def test_record_that_appears_in_a_gap_of_a_sealed_range_is_found() -> None:
    write(id=10)
    write(id=12)
    seal_trail(settled=AT_ONCE)
    assert found() == []
    write(id=11)
    assert found() == [(1, "records_added")]


def test_young_records_wait_where_ids_may_appear_late() -> None:
    write(created_at=timezone.now() - timedelta(minutes=11))
    write()
    seal_trail()
    seals = list(Seal.objects.values_list("count", flat=True))
    assert seals == ([1] if connection.vendor == "mysql" else [2])


@contextmanager
def open_writer() -> Iterator[None]:
    """Inside, two records are written by a transaction that commits at the end, and one with a
    higher id is committed."""
    written, go_on = Event(), Event()

    def write_slowly() -> None:
        with atomic():
            write(2)
            written.set()
            assert go_on.wait(PATIENCE)

    with in_background() as start:
        writer = start(write_slowly)
        try:
            assert written.wait(PATIENCE)
            write()
            yield
        finally:
            go_on.set()
        writer.result()


def is_running(statement: str) -> bool:
    """On another connection: one that does not wait for a lock is over at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID() "
            "AND info LIKE %s",
            [f"%{statement}%"],
        )
        return bool(cursor.fetchone()[0])


@on_a_server
def test_record_that_is_not_committed_yet_is_waited_for_and_sealed() -> None:
    with in_background() as start:
        with open_writer():
            sealer = start(lambda: seal_trail(settled=AT_ONCE))
            eventually(lambda: is_running("LOCK IN SHARE MODE"))
        sealer.result()
    assert Seal.objects.get().count == 3
    assert found() == []


@on_a_server
def test_nothing_is_sealed_over_a_record_that_stays_uncommitted() -> None:
    def seal_impatiently() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")
        seal_trail(settled=AT_ONCE)

    with in_background() as start:
        with open_writer(), pytest.raises(NotSettledError):
            start(seal_impatiently).result()
        assert not Seal.objects.exists()


@on_a_server
def test_while_a_seal_is_made_records_are_added_behind_it_and_not_between() -> None:
    write(id=10)
    write(id=12)
    with in_background() as start:
        with sealing._locking_gaps():
            assert sealing._lock(None, 12) == 2
            start(write).result()
            between = start(lambda: write(id=11))
            eventually(lambda: is_running("INSERT INTO `audit_auditlog`"))
        between.result()


def test_of_two_who_seal_at_once_one_makes_the_seal() -> None:
    write(5)
    results = at_once([lambda: seal_trail(settled=AT_ONCE)] * 2)
    assert Seal.objects.count() == 1
    assert found() == []
    assert {type(result) for result in results} <= {type(None), SealedMeanwhileError}


def output_of(command: str, **options: Any) -> str:
    out = StringIO()
    call_command(command, stdout=out, **options)
    return out.getvalue()


def test_commands_tell_people_and_programs_how_the_trail_stands(sealed: list[int]) -> None:
    write(2)
    text = output_of("seal_audit", settled=0)
    seal = Seal.objects.get(number=4)
    assert text == f"Seal 4: 2 records up to {seal.last_id}, {seal.hash}\n"
    assert output_of("seal_audit") == "Nothing to seal.\n"
    kept = [(4, seal.hash)]
    assert f"9 records under 4 seals; 0 are not sealed yet.\nLast seal: 4:{seal.hash}" in (
        output_of("verify_audit", kept=kept)
    )
    report = json.loads(output_of("verify_audit", json=True))
    assert report.pop("at")
    assert report == {
        "holds": True,
        "seals": 4,
        "records": 9,
        "unsealed": 0,
        "last_seal": {"number": 4, "hash": seal.hash, "sealed_at": rfc3339(seal.sealed_at)},
        "broken": [],
    }
    write()
    (made,) = json.loads(output_of("seal_audit", settled=0, json=True))["seals"]
    assert (made["number"], made["count"], made["previous_hash"]) == (5, 1, seal.hash)


def test_broken_trail_exits_with_1_at_its_first_broken_seal_and_is_kept(
    sealed: list[int],
) -> None:
    with tampering():
        change(sealed)
        change_seal(sealed)
    out = StringIO()
    said = "broken at seal 2: was changed after it was made"
    with pytest.raises(CommandError, match=said) as failure:
        call_command("verify_audit", stdout=out)
    assert failure.value.returncode == 1
    assert f"Seal 2: its records {sealed[3]} to {sealed[5]} are not as they were sealed" in (
        out.getvalue()
    )
    run = Verification.objects.get()
    assert (run.holds, run.seals, run.records, run.broken) == (False, 3, 7, 2)
    assert [finding["reason"] for finding in run.findings] == ["seal_changed", "records_changed"]


def test_trail_without_a_seal_is_not_called_whole() -> None:
    write(2)
    said = "Nothing is sealed yet, so nothing was verified: 2 records.\n"
    assert output_of("verify_audit") == said
    run = Verification.objects.get()
    assert VerificationAdmin(Verification, site).outcome(run).count("Nothing sealed yet") == 1


def test_kept_hash_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match="number of a seal and its hash"):
        call_command("verify_audit", "--kept", "12")
