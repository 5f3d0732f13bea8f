"""How gunicorn serves Ledger Link; each setting can be overridden on its command line."""

import gc
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # wherever gunicorn is started

from ledgerlink.environment import flag, items, number, port, text
from ledgerlink.logs import level_of, logging_config

_scales = text("DB_HOST") and text("REDIS_HOST")

bind = f"{text('APP_HOST', '127.0.0.1')}:{port('APP_PORT', 8080)}"
worker_class = "ledgerlink.worker.PatientWorker"
# SQLite, or a cache in the process, serves one; with MariaDB and Redis there may be many. More than
# one for each core makes batches smaller; two go on while one is started anew.
workers = number("WEB_CONCURRENCY", max(2, os.cpu_count() or 1) if _scales else 1)
threads = number("WEB_THREADS", 32)
timeout = 60  # seconds without a heartbeat of the worker
graceful_timeout = 30  # seconds for requests in flight at SIGTERM
keepalive = 30  # seconds
# A proxy that ends TLS tells so with X-Forwarded-Proto.
forwarded_allow_ips = ",".join(["127.0.0.1", "::1", *items("TRUSTED_PROXIES")])
accesslog = None  # the application writes a line for each request
sendfile = False  # it would go before what is kept, and wait for who takes a file slowly
logger_class = "ledgerlink.worker.QuietLogger"
errorlog = "-"
logconfig_dict = logging_config(
    level=level_of(text("LOG_LEVEL", "INFO")), as_json=text("APP_ENV") == "production"
)
loglevel = text("LOG_LEVEL", "info").lower()
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112 - heartbeat

_counts = flag("PROMETHEUS_ENABLED", default=True)
if _counts:
    from ledgerlink.metrics import multiprocess
    from ledgerlink.metrics.multiprocess import (  # noqa: F401 - gunicorn finds hooks by their names
        child_exit,
        on_exit,
        on_starting,
        post_fork,
        pre_fork,
    )

    multiprocess.share(text("PROMETHEUS_MULTIPROC_DIR"))


def post_worker_init(worker: Any) -> None:
    """The poster thread of a worker tidies up (expired holds) before there is work. The garbage
    collector is spared what is loaded: it would walk through all of Django again and again."""
    from django.conf import settings

    from ledgerlink.tracing.switch import is_on as tracing_is_on
    from transactions.processor import processor

    if _counts:
        multiprocess.post_worker_init(worker)
    if tracing_is_on():
        from ledgerlink.tracing import provider

        provider.start()  # before the poster, which ends first
    if settings.POSTING_MODE == "queued":
        processor().start()
    gc.collect()
    gc.freeze()
    # All of the rest about as often as with Python's 700, 10, 10, what is new far more rarely.
    gc.set_threshold(7_000, 3, 3)
