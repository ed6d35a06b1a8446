"""Owns `make run`: which programs make up a server, in which order they start and stop, and when one is started again.

`children` lists Modelfleet's programs as data. Every other module here could supervise other programs too: none of them
knows of Django, models or devices.
"""
