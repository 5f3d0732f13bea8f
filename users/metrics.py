"""Metrics of users: sign-ins, and what is done to accounts. Never who.

Connected only while PROMETHEUS_ENABLED. What changed is counted once it is committed.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Count
from django.db.transaction import on_commit
from django.dispatch import receiver
from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily, Metric

from ledgerlink.metrics.stored import stored
from users.models import User
from users.signals import api_key_changed, login_failed, login_locked, user_changed, users_created

PASSWORD = "password"  # noqa: S105 - the method

_attempts = Counter("ledger_auth_attempts_total", "Attempts to sign in.", ["method", "status"])
_operations = Counter(
    "ledger_user_operations_total", "What was done to users and their API keys.", ["operation"]
)
_failures = _attempts.labels(PASSWORD, "failure")
_successes = _attempts.labels(PASSWORD, "success")

for _operation in ("created", "logged_in", "login_locked", "password_changed", "deleted"):
    _operations.labels(_operation)  # what never happened yet is 0


@receiver(login_failed, dispatch_uid="users.metrics.login_failed")
def count_failure(**_kwargs: Any) -> None:
    on_commit(_failures.inc, robust=True)


@receiver(user_changed, dispatch_uid="users.metrics.changed")
def count_change(action: str, **_kwargs: Any) -> None:
    if action == "logged_in":
        on_commit(_successes.inc, robust=True)
    on_commit(lambda: _operations.labels(action).inc(), robust=True)


@receiver(login_locked, dispatch_uid="users.metrics.login_locked")
def count_lock(**_kwargs: Any) -> None:
    on_commit(lambda: _operations.labels("login_locked").inc(), robust=True)


@receiver(users_created, dispatch_uid="users.metrics.created")
def count_created(users: Sequence[User], **_kwargs: Any) -> None:
    number = len(users)
    on_commit(lambda: _operations.labels("created").inc(number), robust=True)


@receiver(api_key_changed, dispatch_uid="users.metrics.api_key")
def count_key(action: str, **_kwargs: Any) -> None:
    on_commit(lambda: _operations.labels(f"api_key_{action}").inc(), robust=True)


@stored(keep=60)
def active_users() -> Iterable[Metric]:
    family = GaugeMetricFamily("ledger_users", "Users who may sign in.", labels=["role"])
    for role, number in (
        User.objects.filter(is_active=True).values_list("role").annotate(Count("pk"))
    ):
        family.add_metric([role], number)
    return [family]
