"""`GET /metrics`, for Prometheus alone.

A middleware before all others, since Prometheus comes from inside: it asks for the name of a
container, which no client uses, without TLS, and is no traffic to be counted or limited.
"""

import hmac
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from ledgerlink import problems
from ledgerlink.client_address import client_address
from ledgerlink.metrics.exposition import exposition

PATH = "/metrics"


class MetricsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info != PATH or request.method not in {"GET", "HEAD"}:
            return self.get_response(request)
        if not (_has_token(request) or _is_inside(client_address(request))):
            return refusal()
        text, content_type = exposition(request.headers.get("Accept", ""))
        return HttpResponse(text, content_type=content_type)


def refusal() -> HttpResponse:
    if not settings.METRICS_TOKEN:
        return problems.response(403, "permission_denied", "Metrics are not for this address.")
    answer = problems.response(401, "not_authenticated", "Show the token of the metrics.")
    answer["WWW-Authenticate"] = 'Bearer realm="metrics"'
    return answer


def _has_token(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    expected = settings.METRICS_TOKEN
    return (
        bool(expected)
        and scheme.lower() == "bearer"
        and hmac.compare_digest(given.strip().encode(), expected.encode())
    )


@lru_cache(maxsize=1)
def _networks(allowed: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(network) for network in allowed)


def _is_inside(address: str | None) -> bool:
    """Whether the client, as the trusted proxies tell, is in one of METRICS_NETWORKS."""
    if address is None:
        return False
    client = ip_address(address)
    if isinstance(client, IPv6Address) and client.ipv4_mapped is not None:
        client = client.ipv4_mapped
    return any(client in network for network in _networks(tuple(settings.METRICS_NETWORKS)))
