"""Takes out of a log line what must not be read there, whoever wrote it."""

import re
from collections.abc import Iterable

from structlog.typing import WrappedLogger

REDACTED = "[redacted]"
SHORTEST = 6  # characters of a secret of the settings: a shorter one stands in too many words

_NAMES = (
    "password", "passwd", "secret", "otp", "token", "access", "refresh", "authorization", "cookie",
    "sessionid", "recovery_code", "api_key", "api-key",
)  # fmt: skip
_SIGNS = ("eyj", "ll_", "argon2", "pbkdf2_", "$2", "otpauth:", "://", *_NAMES)

# Credentials by their look. The prefix of an API key, by which it is called, may stay.
_LOOKS = re.compile(
    r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*"  # a JSON Web Token
    r"|(?<=\bll_)[a-z2-7]{8}_[\w-]{20,}"  # an API key
    r"|\$?argon2(?:id|i|d)?\$[^\s\"']+"  # hashes of passwords
    r"|\bpbkdf2_\w+\$[^\s\"']+"
    r"|\$2[aby]\$\d\d\$[./\w]{53}"
    r"|(?<=otpauth:)[^\s\"']+"
    r"|(?<=://)[^\s/:@\"']*:[^\s/@\"']+(?=@)"  # user and password of a URL
)
# Values by the name before them: in JSON (which a line of JSON has with its quotes escaped), in
# Python, in forms, headers and URLs.
_NAMED = re.compile(
    rf"(?P<name>(?<![a-z])(?:{'|'.join(_NAMES)})s?[\w-]*\\?[\"']?\s*[:=]\s*)"
    r"(?:(?P<quote>\\?[\"'])(?:(?!(?P=quote)).)*(?P=quote)"
    r"|(?:(?:Bearer|Api-Key|Basic)\s+)?[^\s\"'\\,;&{\[(}\])]+)",
    re.IGNORECASE,
)


class Redactor:
    """The last of structlog's processors: it is given the finished line."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """`secrets`: those of the settings, which look like nothing in particular."""
        self._secrets = [secret for secret in secrets if len(secret) >= SHORTEST]

    def __call__(self, _logger: WrappedLogger, _method: str, line: str) -> str:
        for secret in self._secrets:
            if secret in line:
                line = line.replace(secret, REDACTED)
        lower = line.lower()
        if any(sign in lower for sign in _SIGNS):  # the expressions cost ten times as much
            line = _LOOKS.sub(REDACTED, line)
            line = _NAMED.sub(rf"\g<name>\g<quote>{REDACTED}\g<quote>", line)
        return line
