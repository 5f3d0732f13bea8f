"""Secrets in what servers print. Each server of the tests is read when it is stopped, and the run
fails at its end where one was found (tests/conftest.py)."""

import re

LOOKS = {
    "a token": r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]+",
    "an API key": r"ll_[a-z2-7]{8}_[\w-]{20,}",
    "a hash of a password": r"argon2(?:id|i|d)\$|pbkdf2_\w+\$|\$2[aby]\$\d\d\$",
    "the secret of an authenticator": r"otpauth://",
}
SHORTEST = 12  # characters of a secret that chance does not write

found: list[str] = []  # what a server printed that it may not, in a line each
_known: set[str] = set()


def know(*secrets: str) -> None:
    """That these were sent or given to servers, which must not print them."""
    _known.update(secrets)


def know_env(name: str, value: str) -> None:
    if name.endswith(("SECRET", "SECRET_KEY", "PASSWORD", "TOKEN")) and len(value) >= SHORTEST:
        know(value)


def read(output: str) -> None:
    """Note what `output` gives away."""
    found.extend(in_text(output))


def in_text(text: str) -> list[str]:
    seen = [f"{secret!r}: {_line_of(text, secret)}" for secret in _known if _is_in(secret, text)]
    for name, look in LOOKS.items():
        seen += [f"{name}: {_line_of(text, match[0])}" for match in re.finditer(look, text)]
    return seen


def _is_in(secret: str, text: str) -> bool:
    """Whether `text` has it: a short one as a word of its own, since six digits in a row are
    within one random id of some thousand."""
    if len(secret) >= SHORTEST:
        return secret in text
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])", text) is not None


def _line_of(text: str, part: str) -> str:
    return next(line for line in text.splitlines() if part in line)
