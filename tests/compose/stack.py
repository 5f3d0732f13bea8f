"""docker-compose.yml, as the compose command reads it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.servers.process import REPOSITORY

COMMAND = Path(sys.executable).parent / "docker-compose"
FILES = [
    REPOSITORY / "docker-compose.yml",
    *sorted((REPOSITORY / "config" / "compose").glob("*.yml")),
]
SECRETS = {
    "SECRET_KEY": "Vq3n8pT0wZr5yKcL2sXh7bJd4mFg9aEu1iQoRt6vNxWe",
    "JWT_SECRET": "h5Gk2Pz9Lq7Rw4Tn0Vb3Xc8Yd1Mf6Sj-aUeIoKpZrQtN",
    "METRICS_TOKEN": "u7Rw4Tn0Vb3Xc8Yd1Mf6Sj-aUeIoKpZrQtNh5Gk2Pz9L",
    "DB_PASSWORD": "q1W9e8R7t6Y5u4I3",
    "MIGRATION_PASSWORD": "p0O9i8U7y6T5r4E3",
    "MYSQL_ROOT_PASSWORD": "z1X2c3V4b5N6m7A8",
    "REDIS_PASSWORD": "l1K2j3H4g5F6d7S8",
    "GRAFANA_PASSWORD": "m9N8b7V6c5X4z3L2",
    "ALLOWED_HOSTS": "pay.example.com",
}


def compose(**env: str) -> subprocess.CompletedProcess[str]:
    """`docker compose config` with this environment and without .env."""
    return subprocess.run(
        [str(COMMAND), "--env-file", "/dev/null", "config", "--format", "json"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env},
        capture_output=True,
        text=True,
        check=False,
    )


def services(**env: str) -> dict[str, Any]:
    finished = compose(**env)
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout)["services"]
    return found


def interpolated() -> set[str]:
    """The variables that the compose files take from the environment or from .env: as `${NAME…}`,
    or by their name alone."""
    found: set[str] = set()
    for file in FILES:
        text = re.sub(r"#.*", "", file.read_text())
        found |= set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", text))
        found |= set(re.findall(r"^ +([A-Z0-9_]+):$", text, re.MULTILINE))
    return found


def shell(text: str) -> str:
    """A word of a command as the container's shell gets it."""
    return text.replace("$$", "$")
