"""What telemetry means: drift of model versions from their baselines, and alerts.

It reads counts from ingest, and rows of fleet and registry. No app below imports it.
"""
