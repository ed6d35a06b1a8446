"""Django as an application of WSGI. ``config.rsgi`` serves it, and gives it bodies that have arrived."""

import os

import django

from config.web.utf8 import Utf8Handler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django.setup(set_prefix=False)
application = Utf8Handler()
