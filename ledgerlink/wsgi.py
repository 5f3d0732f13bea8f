"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledgerlink.settings")
application = get_wsgi_application()

from ledgerlink.checks import refuse_bad_settings  # noqa: E402 - the apps must be loaded first

refuse_bad_settings()
