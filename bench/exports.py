"""What exporting a million rows takes: run by `bench.admin` in a process of its own, so that its
memory can be told from that of loading them."""

import os
import resource
import sys
import time
from typing import Any

LISTS = ("transactions/transaction", "balances/balancehistory")
MORE_MEMORY = 128.0  # MB: what a window of rows takes (`ledgerlink.walks`), however many there are


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledgerlink.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.test import Client

    from users.models import User

    settings.ALLOWED_HOSTS = ["*"]
    client = Client()
    client.force_login(User.objects.get(username="the-auditor"))
    for path in LISTS:  # what it takes to make a file at all
        for kind in ("csv", "xlsx"):
            export(client, path, kind, {"q": "zzz"})
    before = peak()
    for path in LISTS:
        for kind in ("csv", "xlsx"):
            started = time.perf_counter()
            first, size = export(client, path, kind, {})
            took = time.perf_counter() - started
            print(
                f"export of {path.partition('/')[2]} as {kind}: {took:.0f} s, first bytes after "
                f"{first:.2f} s, {size / 1e6:,.0f} MB; peak memory {peak():.0f} MB, "
                f"{before:.0f} MB before",
                flush=True,
            )
    return int(peak() - before > MORE_MEMORY)


def export(client: Any, path: str, kind: str, query: dict[str, str]) -> tuple[float, int]:
    """Seconds until the first bytes, and bytes in all, none of which are kept."""
    started, first, size = time.perf_counter(), 0.0, 0
    response = client.get(f"/admin/{path}/export.{kind}", query)
    assert response.status_code == 200, response
    for block in response.streaming_content:
        first = first or time.perf_counter() - started
        size += len(block)
    return first, size


def peak() -> float:
    """MB of this process so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    sys.exit(main())
