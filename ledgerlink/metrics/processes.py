"""What the processes of this server use together: gunicorn's master and its workers."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# Fields of /proc/PID/stat after the name in brackets (proc_pid_stat(5), less 3).
UTIME, STIME, CUTIME, CSTIME, RSS = 11, 12, 13, 14, 21


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_ticks: int
    waited_for_ticks: int  # of children that have ended
    resident_pages: int
    open_files: int


class ServerProcesses(Collector):
    """Under the names that prometheus_client gives those of one process. The time of workers that
    have ended is in the master's account, so that it only grows. Nothing where there is no /proc.
    """

    def collect(self) -> Iterable[Metric]:
        master = os.getppid()
        try:
            usages = [_usage(pid) for pid in (master, *_children(master))]
        except (OSError, ValueError):  # one ended meanwhile, or there is no /proc
            return
        ticks = usages[0].waited_for_ticks + sum(usage.cpu_ticks for usage in usages)
        yield CounterMetricFamily(
            "process_cpu_seconds", "User and system time of the server.", value=ticks / TICKS
        )
        yield GaugeMetricFamily(
            "process_resident_memory_bytes",
            "Resident memory of the server's processes; what they share counts for each.",
            value=sum(usage.resident_pages for usage in usages) * PAGE_BYTES,
        )
        yield GaugeMetricFamily(
            "process_open_fds",
            "Open files and sockets of the server's processes.",
            value=sum(usage.open_files for usage in usages),
        )


def _children(pid: int) -> Iterator[int]:
    return map(int, (PROC / f"{pid}/task/{pid}/children").read_text().split())


def _usage(pid: int) -> Usage:
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    ticks = [int(fields[place]) for place in (UTIME, STIME, CUTIME, CSTIME)]
    files = len(list((PROC / str(pid) / "fd").iterdir()))
    return Usage(sum(ticks[:2]), sum(ticks[2:]), int(fields[RSS]), files)
