"""Pages of the back-office as a reader sees them, and forms as they are filled in."""

import html
import re
from typing import Any

from django.contrib.messages import get_messages
from django.test import Client

_UNSEEN = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL)


def text_of(content: bytes) -> str:
    """The words of the page's own part, each run of white space as one space."""
    own = content.decode().partition('id="content-main"')[2].partition(">")[2]
    return re.sub(r"\s+", " ", html.unescape(_UNSEEN.sub(" ", own)))


def filled_in(client: Client, path: str, **fields: str) -> dict[str, Any]:
    """The form as it is first shown, with its key, filled in."""
    form = client.get(path).context["form"]
    shown = {field.name: field.value() or "" for field in form}
    return {**shown, "key": str(shown["key"]), **fields}


def previewed(client: Client, path: str, form: dict[str, Any]) -> dict[str, Any]:
    """The confirmation that the preview offers."""
    page = client.post(path, form)
    assert "nothing has been done yet" in text_of(page.content)
    return {**form, "seen": page.context["seen"], "step": "confirm"}


def said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def refusal(answer: Any) -> str:
    form = answer.context["form"]
    return " ".join(str(error) for errors in form.errors.values() for error in errors)
