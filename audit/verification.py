"""Verifying the audit trail: every seal is computed anew from the records that it covers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from audit.fingerprints import NO_SEAL, PAGE, Fingerprint, pages, seal_hash
from audit.models import AuditLog, Seal, Verification
from ledgerlink.operators import operator
from ledgerlink.timestamps import rfc3339

KEPT_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a seal, or with the records that it covers."""

    seal: int
    reason: str  # for programs; never renamed
    detail: str

    def __str__(self) -> str:
        return f"seal {self.seal}: {self.detail}"


@dataclass(slots=True)
class Report:
    """How many seals and sealed records there are, records that are not sealed yet, and what is
    broken."""

    seals: int = 0
    records: int = 0
    unsealed: int = 0
    last: Seal | None = None
    broken: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.broken

    def as_json(self) -> dict[str, Any]:
        last = self.last
        return {
            "holds": self.holds,
            "seals": self.seals,
            "records": self.records,
            "unsealed": self.unsealed,
            "last_seal": {
                "number": last.number,
                "hash": last.hash,
                "sealed_at": rfc3339(last.sealed_at),
            }
            if last
            else None,
            "broken": [asdict(finding) for finding in self.broken],
        }


def verify_trail(
    kept: Mapping[int, str] | None = None, *, on_page: Callable[[int, int], None] | None = None
) -> Report:
    """Compare the trail with its seals, and these with hashes that were `kept` elsewhere, by the
    number of their seal. `on_page` is told the seal and the id of the record reached."""
    report = Report()
    expected = dict(kept or {})
    for seal in _seals():
        report.broken += _of_chain(seal, report.last)
        known = expected.pop(seal.number, seal.hash)
        if known != seal.hash:
            said = f"its hash is {seal.hash}, while {known} was kept"
            report.broken.append(Finding(seal.number, "hash_not_as_kept", said))
        found = Fingerprint()
        after = _last_before(seal, report.last)
        for page in pages(after, seal.last_id):
            for record in page:
                found.add(record)
            if on_page is not None:
                on_page(seal.number, found.last_id)
        report.broken += _of_records(seal, found)
        report.seals += 1
        report.records += found.count
        report.last = seal
    for number in sorted(expected):
        report.broken.append(Finding(number, "seal_missing", "is missing, while its hash was kept"))
    since = {"id__gt": report.last.last_id} if report.last else {}
    report.unsealed = AuditLog.objects.filter(**since).count()
    return report


def _seals() -> Iterator[Seal]:
    number = 0
    while True:
        page = list(Seal.objects.filter(number__gt=number).order_by("number")[:PAGE])
        if not page:
            return
        yield from page
        number = page[-1].number


def _last_before(seal: Seal, previous: Seal | None) -> int | None:
    """Where the records of a seal begin; of one whose predecessor is missing, as it says itself."""
    if seal.number == (previous.number + 1 if previous else 1):
        return previous.last_id if previous else None
    return seal.first_id - 1


def _of_chain(seal: Seal, previous: Seal | None) -> Iterator[Finding]:
    number = previous.number + 1 if previous else 1
    if seal.number != number:
        last = seal.number - 1
        also = f", and so are all up to {last}" if last > number else ""
        yield Finding(number, "seal_missing", f"is missing{also}")
    elif seal.previous_hash != (previous.hash if previous else NO_SEAL):
        yield Finding(seal.number, "chain_broken", "does not follow on the seal before it")
    if seal.hash != seal_hash(seal):
        yield Finding(seal.number, "seal_changed", "was changed after it was made")


def _of_records(seal: Seal, found: Fingerprint) -> Iterator[Finding]:
    if found.count < seal.count:
        said = f"{seal.count - found.count:,} of its {seal.count:,} records are missing"
        yield Finding(seal.number, "records_missing", said)
    elif found.count > seal.count:
        said = f"{found.count - seal.count:,} records have appeared among its {seal.count:,}"
        yield Finding(seal.number, "records_added", said)
    elif found.records_hash != seal.records_hash:
        said = f"its records {seal.first_id} to {seal.last_id} are not as they were sealed"
        yield Finding(seal.number, "records_changed", said)


def keep(report: Report, *, started_at: datetime, took: timedelta) -> Verification:
    """Keep what a run found, for those who ask later how the trail stands."""
    return Verification.objects.create(
        started_at=started_at,
        duration_ms=took // timedelta(milliseconds=1),
        seals=report.seals,
        records=report.records,
        broken=len(report.broken),
        findings=[asdict(finding) for finding in report.broken[:KEPT_FINDINGS]],
        run_by=operator(),
    )
