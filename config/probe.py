"""The health check of a container: exits 0 when it does its work, else says why not.

`probe.py` asks the server whether it is ready. `probe.py FILE SECONDS` is for the scheduler, which
touches FILE after each command that succeeded: it must be younger than SECONDS.

The standard library alone: it runs every few seconds.
"""

import http.client
import os
import sys
import time
from pathlib import Path

TIMEOUT = 4.0  # seconds


def main(arguments: list[str]) -> str | None:
    """What is wrong, if anything."""
    if arguments:
        path, seconds = arguments
        return stale(Path(path), float(seconds))
    return unready(os.environ.get("APP_PORT") or "8080")


def unready(port: str) -> str | None:
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT)
    # What a client behind a proxy that ends TLS sends: a name that is allowed, and the scheme.
    headers = {"Host": allowed_host(), "X-Forwarded-Proto": "https"}
    try:
        connection.request("GET", "/health/ready", headers=headers)
        answer = connection.getresponse()
        said = answer.read(500).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error}"
    finally:
        connection.close()
    return None if answer.status == http.client.OK else f"{answer.status}: {said}"


def allowed_host() -> str:
    first = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".")
    return first if first not in {"", "*"} else "127.0.0.1"


def stale(file: Path, seconds: float) -> str | None:
    try:
        age = time.time() - file.stat().st_mtime
    except OSError as error:
        return str(error)
    return None if age < seconds else f"{file} was last touched {age:.0f} s ago"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
