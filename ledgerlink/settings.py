"""Settings, read from the environment (and from `.env` beside manage.py when there is one).

Every variable is listed with its default in `.env.example`. A bad combination is refused by the
system checks in `ledgerlink.checks`; a bad secret in production is refused here, before anything
is served.
"""

import os
from datetime import timedelta

from ledgerlink import __version__
from ledgerlink.back_office import BACK_OFFICE
from ledgerlink.environment import BASE_DIR, flag, items, number, port, share, text
from ledgerlink.logs import level_of, logging_config
from ledgerlink.rates import rates_by_limit
from ledgerlink.schedule import DailyAt, Every, Job
from ledgerlink.secrets import secrets_from

APP_ENV = text("APP_ENV", "development")
PRODUCTION = APP_ENV == "production"
DEBUG = False  # Problem documents and the log tell more than Django's debug page, and leak less.
LOG_LEVEL = level_of(text("LOG_LEVEL", "INFO"))

SECRET_KEY, JWT_SECRET = secrets_from("SECRET_KEY", "JWT_SECRET", production=PRODUCTION)
APP_PORT = port("APP_PORT", 8080)  # gunicorn's; a wrong one is refused by every command
ALLOWED_HOSTS = items("ALLOWED_HOSTS", default=[] if PRODUCTION else ["*"])
CSRF_TRUSTED_ORIGINS = items("CSRF_TRUSTED_ORIGINS")

# --- Money and posting -------------------------------------------------------------------------

DEFAULT_CURRENCY = text("DEFAULT_CURRENCY", "USD")
# Currencies beyond ISO 4217: "BTC:8,USDT:6".
EXTRA_CURRENCIES = items("EXTRA_CURRENCIES")
SELF_SERVICE_FUNDING = flag("SELF_SERVICE_FUNDING", default=not PRODUCTION)
OPEN_REGISTRATION = flag("OPEN_REGISTRATION", default=True)

# "queued": a poster thread per process commits what waits as one group; "direct": in the caller.
POSTING_MODE = text("POSTING_MODE", "queued")
POSTING_QUEUE_SIZE = number("POSTING_QUEUE_SIZE", 2000)
POSTING_BATCH_SIZE = number("POSTING_BATCH_SIZE", 500)
# Days for which an idempotency key is remembered at least; `prune_idempotency_keys` forgets it.
IDEMPOTENCY_KEY_DAYS = number("IDEMPOTENCY_KEY_DAYS", 30)
POSTING_TIMEOUT_SECONDS = number("POSTING_TIMEOUT_SECONDS", 10)

# Days after which a request that nobody decided on expires.
APPROVAL_DAYS = number("APPROVAL_DAYS", 7)
# Up to which amounts one person may withdraw or transfer for somebody else; in other currencies,
# nothing.
APPROVAL_WITHDRAWALS_ABOVE = items(
    "APPROVAL_WITHDRAWALS_ABOVE",
    default=["USD:10000.00", "EUR:10000.00", "GBP:10000.00", "JPY:1000000"],
)

# --- Applications ------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "users.apps.BackOfficeConfig",  # django.contrib.admin, with a site of our own
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_otp.plugins.otp_totp",
    "ledgerlink.apps.LedgerLinkConfig",
    "users.apps.UsersConfig",
    "balances.apps.BalancesConfig",
    "transactions.apps.TransactionsConfig",
    "audit.apps.AuditConfig",
]

MIDDLEWARE = [
    "ledgerlink.middleware.RequestContextMiddleware",
    "ledgerlink.request_log.RequestLogMiddleware",
    "ledgerlink.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "ledgerlink.throttling.RateLimitMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ledgerlink.middleware.ProblemMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "users.admin_login.SecondFactorMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# --- Metrics -------------------------------------------------------------------------------------

PROMETHEUS_ENABLED = flag("PROMETHEUS_ENABLED", default=True)
# Who may read `/metrics`: these addresses and networks, or whoever shows the token.
METRICS_NETWORKS = items("METRICS_NETWORKS", [] if PRODUCTION else ["127.0.0.0/8", "::1"])
METRICS_TOKEN = text("METRICS_TOKEN")
PROMETHEUS_LATENCY_BUCKETS = (  # seconds; django-prometheus' own begin at 10 ms
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, float("inf"),
)  # fmt: skip
if PROMETHEUS_ENABLED:
    MIDDLEWARE = [
        "ledgerlink.metrics.endpoint.MetricsMiddleware",
        "ledgerlink.metrics.requests.RequestMetricsMiddleware",
        *MIDDLEWARE,
    ]

# --- Traces --------------------------------------------------------------------------------------

TRACING_ENABLED = flag("TRACING_ENABLED", default=False)
# Of the requests that bring no decision with them (`traceparent`), the share that is traced.
TRACING_SAMPLE_RATIO = share("TRACING_SAMPLE_RATIO", 0.05 if PRODUCTION else 1.0)
OTLP_ENDPOINT = text("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
OTEL_SERVICE_NAME = text("OTEL_SERVICE_NAME", "ledgerlink")

ROOT_URLCONF = "ledgerlink.urls"
WSGI_APPLICATION = "ledgerlink.wsgi.application"
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database: SQLite unless DB_HOST names a MySQL-compatible server -----------------------------

DB_HOST = text("DB_HOST")
DB_TIMEOUT_SECONDS = number("DB_TIMEOUT_SECONDS", 30)  # for one answer of the server
SQLITE_PATH = BASE_DIR / text("SQLITE_PATH", "var/ledgerlink.sqlite3")
DATABASES: dict[str, dict[str, object]]
if DB_HOST:
    DATABASES = {
        "default": {
            "ENGINE": "ledgerlink.mysql",
            "HOST": DB_HOST,
            "PORT": text("DB_PORT", "3306"),
            "USER": text("DB_USER", "ledgerlink"),
            "PASSWORD": text("DB_PASSWORD"),
            "NAME": text("DB_NAME", "ledgerlink"),
            "CONN_MAX_AGE": 300,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {
                "charset": "utf8mb4",
                "connect_timeout": 3,
                "read_timeout": DB_TIMEOUT_SECONDS,
                "write_timeout": DB_TIMEOUT_SECONDS,
                "isolation_level": "read committed",
                # A host that vanishes inside a transaction leaves its row locks behind until the
                # server gives it up: MySQL knows wait_timeout alone, MariaDB's is the shorter one.
                "init_command": "SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
                "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', "
                "innodb_lock_wait_timeout = 5, wait_timeout = 600"
                "/*M!100303 , idle_transaction_timeout = 20 */",
            },
            "TEST": {"CHARSET": "utf8mb4"},
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": SQLITE_PATH,
            "CONN_MAX_AGE": None,
            # IMMEDIATE takes the write lock at BEGIN, so two writers queue instead of failing.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                # INSERT OR REPLACE meets the triggers that refuse DELETE.
                "PRAGMA recursive_triggers=ON; "
                "PRAGMA busy_timeout=20000; PRAGMA cache_size=-16000;",
            },
            # A file, which threads can share, and one for each test run.
            "TEST": {"NAME": BASE_DIR / "var" / f"test-{os.getpid()}.sqlite3"},
        }
    }
    SQLITE_PATH.parent.mkdir(parents=True, exist_ok=True)

# --- Cache: in the process unless REDIS_HOST names a server --------------------------------------

REDIS_HOST = text("REDIS_HOST")
BALANCE_CACHE_SECONDS = 300
CACHES: dict[str, dict[str, object]]
if REDIS_HOST:
    CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"redis://{REDIS_HOST}:{number('REDIS_PORT', 6379)}"
            f"/{number('REDIS_DB', 0, minimum=0)}",
            "OPTIONS": {
                "PASSWORD": text("REDIS_PASSWORD"),
                "SOCKET_CONNECT_TIMEOUT": 0.25,
                "SOCKET_TIMEOUT": 0.25,
                "IGNORE_EXCEPTIONS": True,
            },
            "KEY_PREFIX": "ledgerlink",
        },
        "rate_limits": {
            "BACKEND": "ledgerlink.counters.RedisCounters",
            "LOCATION": "default",
            "KEY_PREFIX": "ledgerlink",
        },
    }
else:
    CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        "rate_limits": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "rate_limits",
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        },
    }

# --- Users, tokens, passwords --------------------------------------------------------------------

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["users.backends.UsernameOrEmailBackend"]
# Failures in a row after which a name is locked. PCI DSS 4, 8.3.4: at most 10, at least 30 minutes.
LOGIN_LOCKOUT_FAILURES = number("LOGIN_LOCKOUT_FAILURES", 10)
LOGIN_LOCKOUT_MINUTES = number("LOGIN_LOCKOUT_MINUTES", 30)
IDENTITY_CACHE_SECONDS = 5
STAFF_REQUIRE_2FA = flag("STAFF_REQUIRE_2FA", default=False)
OTP_TOTP_ISSUER = "Ledger Link"  # what the app calls it
# Argon2id at OWASP's minimum (19 MiB, 2 passes): Django's own setting takes 100 MiB a login.
PASSWORD_HASHERS = ["users.hashers.Argon2Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "users.password_validation.MaximumLengthValidator"},
]
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "AUTH_HEADER_TYPES": ("Bearer", "bearer"),  # RFC 9110: the scheme's case does not matter
    "SIGNING_KEY": JWT_SECRET,
    "ISSUER": "ledgerlink",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "CHECK_REVOKE_TOKEN": True,  # tokens carry a fingerprint of the password: a change ends them
}

# --- API -----------------------------------------------------------------------------------------

MAX_BODY_BYTES = 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "users.authentication.BearerAuthentication",
        "users.authentication.ApiKeyAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["ledgerlink.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_CLASSES": ["ledgerlink.throttling.RateLimit"],
    "DEFAULT_SCHEMA_CLASS": "ledgerlink.schema.LedgerSchema",
    "EXCEPTION_HANDLER": "ledgerlink.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "UNICODE_JSON": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Ledger Link",
    "VERSION": __version__,
    "DESCRIPTION": "Moves money between users and keeps the books.\n\nAmounts are strings such as "
    '`"100.50"`, times are RFC 3339 in UTC, errors are problem documents (RFC 9457) with a stable '
    "`code`.",
    "LICENSE": {"name": "MIT"},
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "ENFORCE_NON_BLANK_FIELDS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    "POSTPROCESSING_HOOKS": ["users.schema.tell_scopes", "ledgerlink.schema_hooks.complete"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "/static/ledgerlink/favicon.svg",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "persistAuthorization": False,
        "displayRequestDuration": True,
        "validatorUrl": None,
    },
    "REDOC_UI_SETTINGS": {"maxDisplayedEnumValues": 9, "expandResponses": "200,201"},
    "TAGS": [
        {"name": "Transactions", "description": "Moving money, and seeing what was moved."},
        {"name": "Approvals", "description": "What takes two people of staff."},
        {"name": "Balances", "description": "What a user has, and how it came to be."},
        {"name": "Users", "description": "Registration, and users as they and staff see them."},
        {"name": "Sessions", "description": "Signing in and out."},
        {"name": "API keys", "description": "The keys of backends, managed by admins."},
        {"name": "Audit", "description": "Who did what, when, and in which request."},
        {"name": "Health", "description": "For load balancers."},
    ],
}
TRUSTED_PROXIES = items("TRUSTED_PROXIES")

# django-ratelimit is no installed app: its only part is a check that knows neither our cache in
# Redis nor that, without Redis, a single process serves (ledgerlink.E003).
RATELIMIT_ENABLE = flag("RATELIMIT_ENABLE", default=True)
RATELIMIT_USE_CACHE = "rate_limits"
RATELIMIT_FAIL_OPEN = True
RATELIMITS = rates_by_limit()

# What `manage.py run_scheduler` runs; the times are UTC.
SCHEDULE = (
    Job("expire_pending", Every(seconds=60)),
    Job("keep_totals", Every(seconds=600)),
    Job("seal_audit", Every(seconds=3600)),
    Job("prune_idempotency_keys", DailyAt(3, 10)),
    Job("flushexpiredtokens", DailyAt(3, 15)),
    Job("clearsessions", DailyAt(3, 20)),
    Job("reconcile", DailyAt(3, 30)),
    Job("verify_audit", DailyAt(3, 45)),
)

# --- Pages, time, safety -------------------------------------------------------------------------

STATIC_URL = "/static/"
# Where `collectstatic` put the files; without it they are served from where they are installed.
STATIC_ROOT = BASE_DIR / text("STATIC_ROOT") if text("STATIC_ROOT") else None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_ROOT
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = flag("SECURE_COOKIES", default=PRODUCTION)
SECURE_SSL_REDIRECT = flag("SECURE_SSL_REDIRECT", default=False)
SECURE_HSTS_SECONDS = number("SECURE_HSTS_SECONDS", 31_536_000 if PRODUCTION else 0, minimum=0)
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

# The login name is unique through a generated key (case-insensitive, free again after deletion),
# which this check cannot see.
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",
    # HSTS for all hosts of the domain, and for ever: up to who owns the domain, at the proxy.
    *("security.W005", "security.W021"),
]

LOGGING = logging_config(
    level=LOG_LEVEL,
    as_json=PRODUCTION,
    secrets=[SECRET_KEY, JWT_SECRET, METRICS_TOKEN, text("DB_PASSWORD"), text("REDIS_PASSWORD")],
)
UNFOLD = BACK_OFFICE
