"""System checks: bad combinations of settings, refused by name and with a hint."""

import ipaddress
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from ledgerlink.environment import number, text
from ledgerlink.secrets import MIN_SECRET_LENGTH, is_placeholder

APP_ENVS = ("development", "test", "production")
BOOKS = "books"  # the tag of checks that compare the settings with what the database holds

logger = logging.getLogger(__name__)


@checks.register("ledgerlink")
def check_settings(**_kwargs: Any) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    if settings.APP_ENV not in APP_ENVS:
        found.append(
            checks.Error(
                f"APP_ENV is {settings.APP_ENV!r}.",
                hint=f"Use one of {', '.join(APP_ENVS)}.",
                id="ledgerlink.E001",
            )
        )
    if settings.POSTING_MODE not in {"queued", "direct"}:
        found.append(
            checks.Error(
                f"POSTING_MODE is {settings.POSTING_MODE!r}.",
                hint="Use queued or direct.",
                id="ledgerlink.E002",
            )
        )
    if settings.STATIC_ROOT and not (settings.STATIC_ROOT / "staticfiles.json").is_file():
        found.append(
            checks.Error(
                f"STATIC_ROOT is {str(settings.STATIC_ROOT)!r}, where no files were collected.",
                hint="Run manage.py collectstatic, or leave STATIC_ROOT unset.",
                id="ledgerlink.E012",
            )
        )
    return found + _check_topology() + _check_network() + _check_production()


def _check_topology() -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    processes = number("WEB_CONCURRENCY", 1)
    if processes > 1 and not settings.REDIS_HOST:
        found.append(
            checks.Error(
                f"WEB_CONCURRENCY is {processes} without REDIS_HOST.",
                hint="Each process would count requests by itself, and let through more than the "
                "limits allow: set REDIS_HOST, or WEB_CONCURRENCY=1.",
                id="ledgerlink.E003",
            )
        )
    if settings.DB_HOST and not settings.REDIS_HOST:
        found.append(
            checks.Warning(
                "DB_HOST is set without REDIS_HOST.",
                hint="This is right only while a single process serves; else set REDIS_HOST.",
                id="ledgerlink.W001",
            )
        )
    return found


def _check_network() -> list[checks.CheckMessage]:
    return [
        checks.Error(
            f"{name} holds {network!r}, which is no address or network.",
            hint="Write addresses or networks, such as 10.0.0.5 or 10.0.0.0/24.",
            id="ledgerlink.E004",
        )
        for name in ("TRUSTED_PROXIES", "METRICS_NETWORKS")
        for network in getattr(settings, name)
        if not _is_network(network)
    ]


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _check_production() -> list[checks.CheckMessage]:
    if not settings.PRODUCTION:
        return []
    found: list[checks.CheckMessage] = []
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        found.append(
            checks.Error(
                "ALLOWED_HOSTS is empty or holds '*' in production.",
                hint="Name the hosts that clients use, such as ALLOWED_HOSTS=pay.example.com.",
                id="ledgerlink.E005",
            )
        )
    if settings.SECRET_KEY == settings.JWT_SECRET:
        found.append(
            checks.Error(
                "SECRET_KEY and JWT_SECRET are the same.",
                hint="Make two, so that each can be rotated by itself.",
                id="ledgerlink.E006",
            )
        )
    password = str(settings.DATABASES["default"].get("PASSWORD", ""))
    if settings.DB_HOST and (not password or is_placeholder(password)):
        found.append(
            checks.Error(
                "DB_PASSWORD is empty or a default in production.",
                hint="Give the database user a password of its own.",
                id="ledgerlink.E007",
            )
        )
    if settings.REDIS_HOST and is_placeholder(text("REDIS_PASSWORD")):
        found.append(
            checks.Error(
                "REDIS_PASSWORD is a default in production.",
                hint="Give Redis a password of its own.",
                id="ledgerlink.E011",
            )
        )
    if settings.SELF_SERVICE_FUNDING:
        found.append(
            checks.Warning(
                "SELF_SERVICE_FUNDING is on in production.",
                hint="Users can then credit themselves: leave it off unless that is meant.",
                id="ledgerlink.W002",
            )
        )
    if not settings.STAFF_REQUIRE_2FA:
        found.append(
            checks.Warning(
                "STAFF_REQUIRE_2FA is off in production.",
                hint="Staff can then sign in with a stolen password alone: turn it on.",
                id="ledgerlink.W004",
            )
        )
    return found


@checks.register("ledgerlink")
def check_rate_limits(**_kwargs: Any) -> list[checks.CheckMessage]:
    roles = dict(get_user_model()._meta.get_field("role").flatchoices)
    found: list[checks.CheckMessage] = [
        checks.Error(
            f"RATELIMIT_{limit.upper()} names the role {role!r}.",
            hint=f"The roles are {', '.join(roles)}.",
            id="ledgerlink.E009",
        )
        for limit, rates in settings.RATELIMITS.items()
        for role in rates.by_role
        if role not in roles
    ]
    if settings.PRODUCTION and not settings.RATELIMIT_ENABLE:
        found.append(
            checks.Warning(
                "RATELIMIT_ENABLE is off in production.",
                hint="Passwords can then be tried without end: leave it on.",
                id="ledgerlink.W003",
            )
        )
    return found


@checks.register("ledgerlink")
def check_metrics(**_kwargs: Any) -> list[checks.CheckMessage]:
    if not settings.PROMETHEUS_ENABLED:
        return []
    found: list[checks.CheckMessage] = []
    if settings.METRICS_TOKEN and len(settings.METRICS_TOKEN) < MIN_SECRET_LENGTH:
        found.append(
            checks.Error(
                f"METRICS_TOKEN is shorter than {MIN_SECRET_LENGTH} characters.",
                hint="Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'",
                id="ledgerlink.E010",
            )
        )
    if not settings.METRICS_TOKEN and not settings.METRICS_NETWORKS:
        found.append(
            checks.Warning(
                "Nobody may read /metrics.",
                hint="Set METRICS_TOKEN, or METRICS_NETWORKS to where Prometheus is; or turn "
                "PROMETHEUS_ENABLED off.",
                id="ledgerlink.W005",
            )
        )
    return found


@checks.register(checks.Tags.database)
def check_database(
    databases: Sequence[str] | None = None, **_kwargs: Any
) -> Sequence[checks.Error]:
    """The posting engine's UPDATE needs JSON_TABLE."""
    if connection.vendor != "mysql" or not databases:
        return []
    mariadb = getattr(connection, "mysql_is_mariadb", False)
    version = getattr(connection, "mysql_version", (0,))
    if version >= ((10, 6) if mariadb else (8, 0, 4)):
        return []
    return [
        checks.Error(
            f"The database server has version {'.'.join(map(str, version))}.",
            hint="Use MySQL 8 or MariaDB 10.6 or newer.",
            id="ledgerlink.E008",
        )
    ]


def refuse_bad_settings() -> None:
    """Raise ImproperlyConfigured when a check of ours fails: a server started by gunicorn runs no
    checks by itself."""
    errors = _serious(checks.run_checks(tags=["ledgerlink"]))
    if not errors:
        try:
            errors = contradictions_of_the_books()
        except DatabaseError as error:
            logger.warning("the books were not compared with the settings: %s", error)
        finally:
            connection.close()  # no process that is forked may inherit it
    if errors:
        raise ImproperlyConfigured("\n".join(str(error) for error in errors))


def contradictions_of_the_books() -> list[checks.CheckMessage]:
    """What the settings say that can't be, by what the database holds."""
    return _serious(checks.run_checks(tags=[BOOKS], databases=["default"]))


def _serious(found: Iterable[checks.CheckMessage]) -> list[checks.CheckMessage]:
    return [message for message in found if message.is_serious()]
