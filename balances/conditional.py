"""Answers that a client may keep, if it asks each time whether they still hold (RFC 9110, 13)."""

import hashlib

from django.http import HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from rest_framework.request import Request


def json_with_etag(request: Request, body: str) -> HttpResponse:
    """`body`, or 304 without it when the client's If-None-Match names it."""
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    response: HttpResponse = HttpResponseNotModified()
    if not _known(request.META.get("HTTP_IF_NONE_MATCH", ""), etag):
        response = HttpResponse(body, content_type="application/json")
    response["ETag"] = etag
    keep_private(response)
    return response


def keep_private(response: HttpResponseBase) -> None:
    """Only the caller's own cache may keep it, and must ask before using it again."""
    response["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Authorization"])


def _known(if_none_match: str, etag: str) -> bool:
    tags = [tag.strip() for tag in parse_etags(if_none_match)]
    return tags == ["*"] or etag in {tag.removeprefix("W/") for tag in tags}
