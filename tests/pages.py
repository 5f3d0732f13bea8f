"""Pages of the back-office as a reader sees them."""

import html
import re

_UNSEEN = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL)


def text_of(content: bytes) -> str:
    """The words of the page's own part, each run of white space as one space."""
    own = content.decode().partition('id="content-main"')[2].partition(">")[2]
    return re.sub(r"\s+", " ", html.unescape(_UNSEEN.sub(" ", own)))
