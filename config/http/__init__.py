"""Serves HTTP: receives each body first, and lets a thread run Django only then.

    granian --interface=rsgi config.rsgi:application

A client that sends its body slowly, or never, holds a coroutine and the bytes that have come, not a thread. So stalled bodies
stop neither polls nor pages. How many bytes a request may send is decided before they are read (``admission``).
"""
