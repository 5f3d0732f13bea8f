"""Commands that run by the clock, each as a process of its own."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ledgerlink.environment import BASE_DIR

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # between two looks at the processes that run
GRACE_SECONDS = 25.0  # for those that run when the scheduler is told to end


@dataclass(frozen=True)
class Every:
    seconds: int

    def first(self, now: datetime) -> datetime:
        return now

    def after(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class DailyAt:
    """A time of day in UTC."""

    hour: int
    minute: int

    def first(self, now: datetime) -> datetime:
        return self.after(now)

    def after(self, now: datetime) -> datetime:
        today = now.replace(hour=self.hour, minute=self.minute, second=0, microsecond=0)
        return today if today > now else today + timedelta(days=1)


@dataclass(frozen=True)
class Job:
    """A command of manage.py, and when it runs. It never runs twice at once: what is due while it
    still runs is run when it has ended."""

    command: str
    when: Every | DailyAt


@dataclass
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    since: float = field(default_factory=time.monotonic)


class Scheduler:
    """Runs jobs until it is told to stop. `heartbeat`, a file, is touched after each success."""

    def __init__(self, jobs: Sequence[Job], heartbeat: Path | None = None) -> None:
        now = datetime.now(UTC)
        self._due = {job: job.when.first(now) for job in jobs}
        self._running: list[_Running] = []
        self._heartbeat = heartbeat

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._reap()
            self._start_due(datetime.now(UTC))
            stop.wait(LOOK_SECONDS)
        self._end()

    def _start_due(self, now: datetime) -> None:
        busy = {running.job for running in self._running}
        for job, due in self._due.items():
            if due <= now and job not in busy:
                command = [sys.executable, str(BASE_DIR / "manage.py"), job.command]
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - ours
                self._running.append(_Running(job, process))
                self._due[job] = job.when.after(now)

    def _reap(self) -> None:
        for running in [one for one in self._running if one.process.poll() is not None]:
            self._running.remove(running)
            seconds, status = time.monotonic() - running.since, running.process.returncode
            if status == 0:
                logger.info("%s done in %.1f s", running.job.command, seconds)
                if self._heartbeat is not None:
                    self._heartbeat.touch()
            else:
                logger.error("%s failed: exit status %d", running.job.command, status)

    def _end(self) -> None:
        for running in self._running:
            running.process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for running in self._running:
            try:
                running.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.warning("%s does not end: it is killed", running.job.command)
                running.process.kill()
                running.process.wait()
        self._reap()
