"""Drives a server with wrk, and reads from /proc what that cost whom."""

import json
import os
import resource
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.servers.packages import WRK, program
from bench.servers.process import REPOSITORY

CONNECTIONS = 64
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Request:
    """`body`: JSON, or empty."""

    method: str
    path: str
    authorization: str
    body: str = ""


@dataclass(frozen=True)
class Run:
    """What one run of the load tool measured. `cpu`: seconds of processor time by who used it;
    `batch_size`: orders in one database transaction."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    cpu: Mapping[str, float]
    batch_size: float | None = None

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


class BrokenRunError(RuntimeError):
    """Connections broke or timed out: nothing was measured."""


def listed(requests: Sequence[Request], file: Path) -> Path:
    """Write them as load.lua reads them."""
    lines = (f"{r.method}\t{r.path}\t{r.authorization}\t{r.body}\n" for r in requests)
    file.write_text("".join(lines))
    return file


def drive(
    url: str,
    requests: Path,
    seconds: float,
    processes: Mapping[str, Sequence[int]],
    connections: int,
) -> Run:
    """Send the `listed` requests in turn for some seconds over as many connections.

    `processes`: whose processor time is wanted, with process ids. Raises BrokenRunError.
    """
    WRK.ensure()
    script = REPOSITORY / "bench/load.lua"
    command = [program("wrk"), "-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s"]
    command += ["--timeout=30s", f"--script={script}", url, "--", str(requests)]
    with _processor_time(processes) as cpu:
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise BrokenRunError(finished.stdout + finished.stderr)
    told = json.loads(finished.stdout.splitlines()[-1])
    if told.pop("broken"):
        raise BrokenRunError(finished.stdout)
    return Run(**told, cpu=cpu)


@contextmanager
def _processor_time(processes: Mapping[str, Sequence[int]]) -> Iterator[dict[str, float]]:
    used: dict[str, float] = {}
    before = {name: _seconds_of(pids) for name, pids in processes.items()}
    load_before = _seconds_of_children()
    yield used
    used |= {name: _seconds_of(pids) - before[name] for name, pids in processes.items()}
    used["load"] = _seconds_of_children() - load_before


def _seconds_of(pids: Sequence[int]) -> float:
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / TICKS


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def children_of(pid: int) -> list[int]:
    return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def memory_of(pids: Sequence[int], *, peak: bool = False) -> float:
    """MB that the largest of them holds now, or ever held."""
    name = "VmHWM:" if peak else "VmRSS:"
    return max(_kilobytes(pid, name) for pid in pids) / 1024


def _kilobytes(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
