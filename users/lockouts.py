"""Keeps out whoever guesses passwords, for a while.

After `LOGIN_LOCKOUT_FAILURES` failures in a row under one name nobody can sign in under it for
`LOGIN_LOCKOUT_MINUTES`, with the right password neither. Names of nobody are counted as well, so
that a lock tells nothing. An address from which the account has signed in lately has a tally of
its own: a stranger elsewhere can't keep its owner out.

The tallies are in the database: they hold in every process, after a restart, and without Redis.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.db.models import QuerySet
from django.db.transaction import atomic
from django.template.defaultfilters import pluralize
from django.utils import timezone
from django.utils.crypto import salted_hmac

from ledgerlink.context import current_request
from ledgerlink.rate_limits import KNOWN_SECONDS, network_of
from users.actors import Actor
from users.collisions import retry_collisions
from users.errors import LoginLocked
from users.models import LoginTally, User
from users.signals import login_locked, user_changed

ELSEWHERE = ""
KNOWN = timedelta(seconds=KNOWN_SECONDS)
REFRESHED_AFTER = timedelta(days=1)  # so that few sign-ins write


@dataclass(frozen=True, slots=True)
class Lock:
    """`address` is empty where it means all addresses that the account has not signed in from."""

    address: str
    until: datetime


def refuse_locked(identifier: str) -> None:
    """Raises LoginLocked."""
    now = timezone.now()
    tally = _counting(_tallies([_hash(identifier)]), now)
    if tally is not None:
        _refuse(tally, now)


@retry_collisions
def note_failure(identifier: str) -> None:
    """Count a wrong password. Raises LoginLocked when others locked the name while this password
    was checked: the answer to a guess too many tells nothing."""
    name, now = _hash(identifier), timezone.now()
    _, is_new = LoginTally.objects.get_or_create(name_hash=name, address=ELSEWHERE)
    if is_new:
        LoginTally.objects.filter(changed_at__lt=now - KNOWN - REFRESHED_AFTER).delete()
    with atomic():  # the last step: a collision after it would count the failure twice
        tally = _counting(_tallies([name]).select_for_update().order_by("pk"), now)
        assert tally is not None
        _refuse(tally, now)
        in_a_row = tally.failed_at is not None and tally.failed_at > now - _span()
        tally.failures = tally.failures + 1 if in_a_row else 1
        tally.failed_at = now
        tally.save()
        if _locked_until(tally, now) is not None:
            where = tally.address or "other addresses"
            login_locked.send(
                sender=None, identifier=identifier, where=where, actor=Actor.anonymous()
            )


@retry_collisions
def note_success(user: User, identifier: str) -> None:
    """The password was right: the tally starts anew under both of the user's names, and the
    address is one that they sign in from. Raises LoginLocked, as `note_failure` does."""
    names, address, now = _names_of(user), _address(), timezone.now()
    if _is_settled(names, address, now):
        return
    for name in names:
        LoginTally.objects.get_or_create(name_hash=name, address=address)
    with atomic():
        tallies = _tallies(names).select_for_update().order_by("pk")
        typed = _counting([t for t in tallies if t.name_hash == _hash(identifier)], now)
        if typed is not None:
            _refuse(typed, now)
        counted = {address} if typed is not None and typed.address else {address, ELSEWHERE}
        _tallies(names).filter(address__in=counted).update(failures=0, changed_at=now)
        _tallies(names).filter(address=address).update(signed_in_at=now)


def locks_of(user: User) -> list[Lock]:
    """Where the user can't sign in just now, and until when."""
    now = timezone.now()
    tallies = LoginTally.objects.filter(name_hash__in=_names_of(user)).order_by("address")
    ends = [(tally.address, _locked_until(tally, now)) for tally in tallies]
    return [Lock(address, until) for address, until in ends if until is not None]


def lift(user: User, *, by: Actor) -> int:
    """Let the user sign in again; returns how many locks there were."""
    with atomic():
        locks = len(locks_of(user))
        LoginTally.objects.filter(name_hash__in=_names_of(user)).update(failures=0)
        if locks:
            user_changed.send(sender=None, user=user, actor=by, action="unlocked", changes={})
    return locks


def _is_settled(names: list[str], address: str, now: datetime) -> bool:
    """Whether a sign-in from this address changes nothing."""
    fresh = now - REFRESHED_AFTER
    here = LoginTally.objects.filter(name_hash__in=names, address=address)
    return here.filter(failures=0, signed_in_at__gt=fresh).count() == len(names)


def _tallies(names: list[str]) -> QuerySet[LoginTally]:
    """Those that may count for the caller's address."""
    return LoginTally.objects.filter(name_hash__in=names, address__in=[ELSEWHERE, _address()])


def _counting(tallies: Iterable[LoginTally], now: datetime) -> LoginTally | None:
    """Of the tallies of one name, the one that counts for the caller's address."""
    known, elsewhere = None, None
    for tally in tallies:
        if tally.address == ELSEWHERE:
            elsewhere = tally
        elif tally.signed_in_at is not None and tally.signed_in_at > now - KNOWN:
            known = tally
    return known or elsewhere


def _locked_until(tally: LoginTally, now: datetime) -> datetime | None:
    if tally.failed_at is None or tally.failures < settings.LOGIN_LOCKOUT_FAILURES:
        return None
    until = tally.failed_at + _span()
    return until if until > now else None


def _refuse(tally: LoginTally, now: datetime) -> None:
    until = _locked_until(tally, now)
    if until is not None:
        seconds = ceil((until - now).total_seconds())
        minutes = ceil(seconds / 60)
        raise LoginLocked(
            f"Try again in {minutes} minute{pluralize(minutes)}, or ask an administrator.",
            retry_after=seconds,
        )


def _span() -> timedelta:
    return timedelta(minutes=settings.LOGIN_LOCKOUT_MINUTES)


def _address() -> str:
    return network_of(current_request.get().ip)


def _names_of(user: User) -> list[str]:
    return [_hash(name) for name in (user.username, user.email) if name]


def _hash(identifier: str) -> str:
    name = identifier.strip().lower()
    return salted_hmac(__name__, name, algorithm="sha256").hexdigest()
