"""The exchange with the server: the device API of the wire contract.

Owns requests, answers, named failures and the waits between tries. Knows no settings, no disk and no model: callers pass
plain values in and get dataclasses out.
"""
