"""Pictures of the dashboards, from what a real Prometheus read of the real server under traffic.

`python -m tests.monitoring.pictures [--seconds 300]` writes docs/images/dashboard-*.png. Grafana
itself is not needed: the panels are drawn from the dashboards' own JSON.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.servers.packages import program
from bench.servers.process import REPOSITORY
from tests.monitoring.dashboards import dashboards, panels
from tests.monitoring.drawing import WIDTH, legend_of, page
from tests.monitoring.prometheus import Prometheus
from tests.monitoring.visuals import Found

IMAGES = REPOSITORY / "docs" / "images"
SECONDS = 300
STEP = 2  # seconds between samples
SHOWN = 0.75  # of the time that there was traffic
CALLERS = 4
CHROMIUM = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.monitoring.pictures")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of traffic to show")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        take(options.seconds)
        return 0
    from bench.servers.engines import standard

    with standard() as engine:
        command = [sys.executable, "-m", "tests.monitoring.pictures", "--here"]
        env = {**engine.env, "DJANGO_SETTINGS_MODULE": "ledgerlink.settings"}
        command.append(f"--seconds={options.seconds}")
        return subprocess.run(command, env=env, check=False).returncode


def take(seconds: int) -> None:
    import django

    django.setup()
    from tests.e2e.world import manage
    from tests.monitoring.conftest import monitored

    with (
        tempfile.TemporaryDirectory(prefix="ledger-pictures-") as directory,
        monitored(Path(directory), interval=STEP) as running,
    ):
        assert manage(running.env, "seed_demo").returncode == 0  # users of every role
        until = time.time() + seconds
        drive(running.traffic, until=until)
        IMAGES.mkdir(parents=True, exist_ok=True)
        for dashboard in dashboards():
            draw(running.prometheus, dashboard, start=until - SHOWN * seconds, end=until)


def drive(traffic: Any, *, until: float) -> None:
    """Waves of traffic, from a few callers who do not wait for each other."""
    from tests.monitoring.traffic import Traffic

    def call(number: int) -> None:
        mine = Traffic(traffic.server)
        mine.dice.seed(number)
        mine.begin()
        while time.time() < until:
            wave = math.sin((time.time() + 25 * number) / 20) + 1.2
            for _ in range(int(wave * 10)):
                mine.pay()
            mine.round(payments=2) if mine.dice.random() < 0.25 else None
            time.sleep(1.2 / wave / 2)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def draw(prometheus: Prometheus, dashboard: Mapping[str, Any], *, start: float, end: float) -> None:
    html, height = drawn(prometheus, dashboard, start=start, end=end)
    name = f"dashboard-{dashboard['uid'].removeprefix('ledgerlink-')}"
    with tempfile.TemporaryDirectory(prefix="ledger-pictures-") as directory:
        file = Path(directory) / "page.html"
        file.write_text(html)
        picture = IMAGES / f"{name}.png"
        command = [program("chromium"), *CHROMIUM, f"--window-size={WIDTH},{height}"]
        command += [
            f"--user-data-dir={directory}/profile",
            f"--screenshot={picture}",
            file.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=60, env=dict(os.environ))
    print(picture.relative_to(REPOSITORY))


def drawn(
    prometheus: Prometheus, dashboard: Mapping[str, Any], *, start: float, end: float
) -> tuple[str, int]:
    """The page and its height, with what Prometheus answers to its panels."""
    found = {
        panel.json["id"]: answers(prometheus, panel, start=start, end=end)
        for panel in panels(dashboard)
    }
    titles = [other["title"] for other in dashboards()]
    return page(dashboard, titles, found, start=start, end=end)


def answers(prometheus: Prometheus, panel: Any, *, start: float, end: float) -> Sequence[Found]:
    shown = f"{int(end - start)}s"
    found: list[Found] = []
    for number, query in enumerate(panel.queries(rate_interval="20s", shown=shown)):
        if query.instant:
            results = [(labels, [(end, v)]) for labels, v in prometheus.now(query.expression, end)]
        else:
            results = prometheus.over(query.expression, start=start, end=end, step=STEP)
        found += [
            Found(number, legend_of(query.legend, labels), labels, s) for labels, s in results
        ]
    return found


if __name__ == "__main__":
    sys.exit(main())
