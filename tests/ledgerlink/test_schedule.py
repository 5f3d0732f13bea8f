"""Commands that run by the clock."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from bench.servers.process import REPOSITORY
from ledgerlink import schedule
from ledgerlink.schedule import DailyAt, Every, Job, Scheduler
from tests.concurrency import eventually

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOON, NOON.replace(day=30, hour=3, minute=30)),
        (NOON.replace(hour=3, minute=29, second=59), NOON.replace(hour=3, minute=30)),
        (NOON.replace(hour=3, minute=30), NOON.replace(day=30, hour=3, minute=30)),
        (NOON.replace(month=12, day=31), datetime(2027, 1, 1, 3, 30, tzinfo=UTC)),
    ],
)
def test_daily_job_is_due_at_its_next_time(now: datetime, expected: datetime) -> None:
    assert DailyAt(3, 30).first(now) == DailyAt(3, 30).after(now) == expected


def test_frequent_job_is_due_at_once_and_then_in_turn() -> None:
    assert Every(60).first(NOON) == NOON
    assert Every(60).after(NOON) == NOON + timedelta(minutes=1)


def test_what_is_scheduled_are_commands_and_each_once() -> None:
    scheduled = [job.command for job in settings.SCHEDULE]
    assert set(scheduled) <= get_commands().keys()
    assert len(scheduled) == len(set(scheduled))


@pytest.fixture
def manage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a program in the place of manage.py, which gets the command as its argument."""
    monkeypatch.setattr(schedule, "BASE_DIR", tmp_path)
    monkeypatch.setattr(schedule, "LOOK_SECONDS", 0.01)

    def put(program: str) -> None:
        (tmp_path / "manage.py").write_text(f"import sys, time, pathlib\n{program}")

    return put


def run_until(scheduler: Scheduler, condition: Callable[[], bool]) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=scheduler.run, args=[stop])
    thread.start()
    try:
        eventually(condition)
    finally:
        stop.set()
        thread.join()


def test_job_that_fails_is_told_and_the_others_go_on(
    manage: Callable[[str], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manage("sys.exit(3 if sys.argv[1] == 'bad' else 0)")
    heartbeat = tmp_path / "alive"
    scheduler = Scheduler([Job("bad", Every(60)), Job("good", Every(60))], heartbeat)
    run_until(scheduler, lambda: heartbeat.exists() and "exit status" in caplog.text)
    assert "bad failed: exit status 3" in caplog.text
    assert "good failed" not in caplog.text


def test_job_that_still_runs_is_not_started_again(
    manage: Callable[[str], None], tmp_path: Path
) -> None:
    manage(
        f"home = pathlib.Path({str(tmp_path)!r})\n"
        "(home / f'started{time.time_ns()}').touch()\n"
        "while not (home / 'go').exists(): time.sleep(0.01)\n"
        "if list(home.glob('started*'))[1:]: (home / 'twice').touch()"
    )
    scheduler = Scheduler([Job("slow", Every(0)), Job("other", DailyAt(3, 30))])
    stop = threading.Event()
    thread = threading.Thread(target=scheduler.run, args=[stop])
    thread.start()
    try:
        eventually(lambda: list(tmp_path.glob("started*")) != [])
        for _ in range(20):
            stop.wait(0.01)  # twenty looks at it
            assert len(list(tmp_path.glob("started*"))) == 1
        (tmp_path / "go").touch()
        eventually((tmp_path / "twice").exists)  # once it has ended, it is due at once
    finally:
        stop.set()
        thread.join()


def test_scheduler_that_is_told_to_end_ends_what_it_runs(tmp_path: Path) -> None:
    heartbeat = tmp_path / "alive"
    command = [sys.executable, "manage.py", "run_scheduler", "--heartbeat", str(heartbeat)]
    env = {**os.environ, "DB_HOST": "", "SQLITE_PATH": str(tmp_path / "empty.sqlite3")}
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=env, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "expire_pending failed" in line:  # there is no table yet
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert not heartbeat.exists()
