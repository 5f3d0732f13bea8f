"""Whether Redis answers, and how it is."""

from collections.abc import Iterable, Iterator

from django_redis import get_redis_connection
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

# Field of INFO, name, help.
_GAUGES = (
    ("used_memory", "ledger_redis_memory_bytes", "Memory that Redis uses."),
    ("maxmemory", "ledger_redis_memory_limit_bytes", "Where Redis begins to evict; 0: nowhere."),
    ("connected_clients", "ledger_redis_clients", "Connections to Redis."),
)
_COUNTERS = (
    ("evicted_keys", "ledger_redis_evicted_keys", "Keys that Redis gave up for want of memory."),
    ("total_commands_processed", "ledger_redis_commands", "Commands that Redis carried out."),
)


class RedisServer(Collector):
    def collect(self) -> Iterable[Metric]:
        try:
            info = get_redis_connection("default").info()
        except (RedisError, OSError):
            return [_up(0.0)]
        return [_up(1.0), *_figures(info)]


def _up(value: float) -> Metric:
    return GaugeMetricFamily(
        "ledger_redis_up", "Whether the server reaches Redis: 1 or 0.", value=value
    )


def _figures(info: dict[str, int]) -> Iterator[Metric]:
    for field, name, text in _GAUGES:
        yield GaugeMetricFamily(name, text, value=info[field])
    for field, name, text in _COUNTERS:
        yield CounterMetricFamily(name, text, value=info[field])
