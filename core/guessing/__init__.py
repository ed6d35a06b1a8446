"""Guessing made slow: wrong passwords of people, and wrong tokens and keys of programs and devices.

PostgreSQL counts wrong passwords (``logins``), because the limit has to hold when Redis is away. Redis counts wrong tokens and
keys (``wrong_secrets``): nobody guesses 256 bits, so this limit only saves work, and lets everybody in while Redis is away.
"""
