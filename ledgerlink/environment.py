"""Reading the environment: typed, and loud about what it can't understand.

Real environment variables win over the file `.env` beside manage.py. Values are taken as they are:
nothing is expanded, so that a password may hold a `$`.
"""

import math
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv

BASE_DIR = Path(__file__).resolve().parent.parent

MAX_PORT = 65_535

_FLAGS = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(
    ("0", "false", "no", "off"), False
)

load_dotenv(BASE_DIR / ".env", override=False, interpolate=False)


def text(name: str, default: str = "") -> str:
    """The variable, or `default` when it is missing or empty."""
    return os.environ.get(name, "").strip() or default


def number(name: str, default: int, *, minimum: int = 1) -> int:
    """A whole number. Raises ImproperlyConfigured."""
    given = text(name, str(default))
    if not (given.isascii() and given.isdigit()) or int(given) < minimum:
        raise ImproperlyConfigured(
            f"{name} is {given!r}; give a whole number of at least {minimum}."
        )
    return int(given)


def port(name: str, default: int) -> int:
    """A TCP port. Raises ImproperlyConfigured."""
    given = number(name, default)
    if given > MAX_PORT:
        raise ImproperlyConfigured(f"{name} is {given}; give a port from 1 to {MAX_PORT}.")
    return given


def share(name: str, default: float) -> float:
    """A number from 0 to 1. Raises ImproperlyConfigured."""
    given = text(name, str(default))
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise ImproperlyConfigured(f"{name} is {given!r}; give a number from 0 to 1, such as 0.05.")
    return number


def flag(name: str, *, default: bool) -> bool:
    """Either true or false. Raises ImproperlyConfigured for what is neither."""
    given = text(name).lower()
    if not given:
        return default
    if given not in _FLAGS:
        raise ImproperlyConfigured(f"{name} is {given!r}; give true or false.")
    return _FLAGS[given]


def items(name: str, default: list[str] | None = None) -> list[str]:
    """A comma-separated list; spaces around its items are dropped."""
    given = [item.strip() for item in text(name).split(",") if item.strip()]
    return given or list(default or [])
