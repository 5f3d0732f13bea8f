# The image of Ledger Link: gunicorn by default; any command of manage.py by naming it, such as
# `docker run … ledgerlink python manage.py migrate`. Nothing in it runs as root or writes outside
# of /app/var, /tmp and /dev/shm.

# --- What needs a compiler, and what is made once ---
FROM python:3.11.14-slim-bookworm AS build

RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        default-libmysqlclient-dev gcc libc6-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*

COPY requirements.txt requirements-embedded.txt requirements-lock.txt /tmp/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --requirement /tmp/requirements.txt \
    && /opt/venv/bin/python -m pip uninstall --yes --quiet pip setuptools

WORKDIR /app
COPY . .
# The secrets that a development setting makes stay behind in this stage's var/.
RUN STATIC_ROOT=static /opt/venv/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && find static -name '*.map*' -delete \
    && /opt/venv/bin/python -m compileall -q . \
    && rm -rf var

# --- What is shipped ---
FROM python:3.11.14-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends libmariadb3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 ledgerlink \
    && useradd --system --uid 10001 --gid ledgerlink --no-create-home --home-dir /app ledgerlink \
    && install --directory --owner=ledgerlink --group=ledgerlink --mode=0700 /app/var

COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    APP_ENV=production \
    APP_HOST=0.0.0.0 \
    APP_PORT=8080 \
    STATIC_ROOT=static

USER 10001:10001
EXPOSE 8080
# Ready: it answers, the database is there, and every migration is applied.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "config/probe.py"]
# gunicorn takes no more requests at SIGTERM, answers those that it has, and posts what waits.
STOPSIGNAL SIGTERM
CMD ["gunicorn", "--config", "config/gunicorn.conf.py", "ledgerlink.wsgi:application"]
