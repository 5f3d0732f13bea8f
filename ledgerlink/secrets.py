"""Where a secret comes from: the environment, or, in development only, a file made at random."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from ledgerlink.environment import BASE_DIR, text

MIN_SECRET_LENGTH = 32  # characters
PLACEHOLDERS = (
    "change-me", "changeme", "secret", "default", "development", "example", "insecure", "your-",
)  # fmt: skip


def secrets_from(*names: str, production: bool) -> list[str]:
    """The secrets in these variables; see `secret_from`. Raises ImproperlyConfigured that names
    all that is wrong with them."""
    found, wrong = [], []
    for name in names:
        try:
            found.append(secret_from(name, production=production))
        except ImproperlyConfigured as error:
            wrong.append(str(error))
    if wrong:
        raise ImproperlyConfigured("\n".join(wrong))
    return found


def secret_from(name: str, *, production: bool) -> str:
    """The secret in variable `name`.

    In development a missing one is made at random once and kept in `var/`, readable by its owner
    only, so that no shipped file ever contains a working key.

    Raises ImproperlyConfigured in production when it is missing, short, or a placeholder, and
    anywhere when it is set but shorter than 32 characters.
    """
    value = text(name)
    if not value and not production:
        return _development_secret(BASE_DIR / "var" / f"development-{name.lower()}")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. APP_ENV=production needs one: {_HOW}")
    if len(value) < MIN_SECRET_LENGTH or len(set(value)) < 8:
        raise ImproperlyConfigured(
            f"{name} is too short or too uniform: give it at least {MIN_SECRET_LENGTH} random "
            f"characters. {_HOW}"
        )
    if production and is_placeholder(value):
        raise ImproperlyConfigured(f"{name} is a placeholder, not a secret. {_HOW}")
    return value


def is_placeholder(value: str) -> bool:
    """Whether it is what a file that others have read may hold."""
    return any(word in value.lower() for word in PLACEHOLDERS)


_HOW = "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"


def _development_secret(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not path.exists():
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(fresh, path)  # atomic: the first process wins, the others read its secret
        fresh.unlink()
    return path.read_text()
