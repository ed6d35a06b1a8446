"""Django as an application of WSGI. ``config.rsgi`` serves it, and gives it bodies that have arrived."""

import os

import django

from config.web.requests import TextHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django.setup(set_prefix=False)
application = TextHandler()
