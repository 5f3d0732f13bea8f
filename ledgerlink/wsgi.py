"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledgerlink.settings")

from ledgerlink.tracing.switch import is_on

if is_on():
    from ledgerlink.tracing.instruments import instrument

    instrument()

application = get_wsgi_application()

from ledgerlink.checks import refuse_bad_settings  # noqa: E402 - the apps must be loaded first

refuse_bad_settings()
