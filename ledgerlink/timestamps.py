"""Times on the wire: RFC 3339, always UTC, always with microseconds."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=1024)  # what is posted at once has one time
def rfc3339(moment: datetime) -> str:
    """`2026-11-22T19:03:37.000123Z`; `moment` is timezone-aware."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
