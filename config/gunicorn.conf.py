"""How gunicorn serves Ledger Link; each setting can be overridden on its command line."""

import os

import environ

environ.Env.read_env(".env")

_embedded = not os.environ.get("DB_HOST")

bind = f"{os.environ.get('APP_HOST', '127.0.0.1')}:{os.environ.get('APP_PORT', '8080')}"
worker_class = "gthread"
# SQLite and the in-process cache serve one process; with MariaDB and Redis there may be many.
workers = int(os.environ.get("WEB_CONCURRENCY") or (1 if _embedded else 2 * (os.cpu_count() or 1)))
threads = int(os.environ.get("WEB_THREADS") or 32)
timeout = 60  # seconds without a heartbeat of the worker
graceful_timeout = 30  # seconds for requests in flight at SIGTERM
keepalive = 30  # seconds
accesslog = None
errorlog = "-"
loglevel = os.environ.get("LOG_LEVEL", "info").lower()
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112 - heartbeat
