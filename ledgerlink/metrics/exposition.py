"""Everything that there is to know at the moment of asking, in Prometheus' text formats."""

import platform
from collections.abc import Iterable

from django.conf import settings
from prometheus_client import REGISTRY, CollectorRegistry, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ledgerlink import __version__
from ledgerlink.metrics import multiprocess
from ledgerlink.metrics.processes import ServerProcesses
from ledgerlink.metrics.stored import StoredFigures

disable_created_metrics()  # a series more for each, of which nobody asks

_stored = StoredFigures()


class Build(Collector):
    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "ledger_build_info", "What runs here; always 1.", labels=["version", "python"]
        )
        family.add_metric([__version__, platform.python_version()], 1.0)
        return [family]


def exposition(accept: str) -> tuple[bytes, str]:
    """The text and its content type, for an Accept header."""
    encode, content_type = choose_encoder(accept)
    return encode(_registry()), content_type


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    if multiprocess.is_shared():
        multiprocess.write()
        MultiProcessCollector(registry)
        registry.register(ServerProcesses())
    else:
        registry.register(REGISTRY)
    registry.register(Build())
    registry.register(_stored)
    if settings.REDIS_HOST:
        from ledgerlink.metrics.redis_server import RedisServer  # noqa: PLC0415 - not embedded

        registry.register(RedisServer())
    return registry
