"""Store-and-forward telemetry: an inference is recorded on the device, and deleted only after the server's final answer.

Owns the telemetry file, its batches and its counters. The application records, the agent seals and sends. Knows no model
and no update; probation reads its tallies from here.
"""
