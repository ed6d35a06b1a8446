"""Django as an application of WSGI. ``config.rsgi`` serves it, and gives it bodies that have arrived."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
