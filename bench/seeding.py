"""Fills an empty database: `python -m bench.seeding USERS`.

Migrates the database that the environment names, makes users with 10,000.00 USD each, and prints
as JSON their ids with Authorization headers, and the cookie of an auditor who is signed in.
"""

import json
import os
import sys
from datetime import UTC, datetime, timedelta

from bench.servers.process import REPOSITORY

FUNDS = 1_000_000  # minor units
PAST = timedelta(days=30)


def main(users: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledgerlink.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db.transaction import atomic
    from django.test import Client
    from rest_framework_simplejwt.tokens import AccessToken

    from bench.people import bearer, fund, make_users
    from users.roles import Role

    call_command("migrate", verbosity=0)
    people = make_users([f"user-{number:05}" for number in range(users)])
    fund(people, FUNDS)
    AccessToken.lifetime = timedelta(days=1)  # a run takes longer than 15 minutes
    with atomic():
        headers = {user.pk: bearer(user) for user in people}
    desk = Client()
    desk.force_login(make_users(["the-auditor"], Role.AUDITOR)[0])
    cookie = desk.cookies[settings.SESSION_COOKIE_NAME]
    print(json.dumps({"people": headers, "cookie": f"{cookie.key}={cookie.value}"}))


def past(count: int, active: int) -> str:
    """SQL for MariaDB's administrator: `count` transfers of the last 30 days among the first
    `active` people."""
    return (
        (REPOSITORY / "bench/rows.sql")
        .read_text()
        .format(
            count=count,
            active=active,
            last=count - 1,
            rounds=count // active,
            start=(datetime.now(UTC) - PAST).strftime("%Y-%m-%d %H:%M:%S"),
            step_ms=PAST.total_seconds() * 1e3 / count,
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
