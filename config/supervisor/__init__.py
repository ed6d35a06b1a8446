"""Owns `make run`: which children make up a server, in which order they start and stop, and starting them again.

`children` is the table of Modelfleet's own, as data; everything else here would supervise any other programs as well.
"""
