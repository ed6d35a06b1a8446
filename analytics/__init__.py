"""What it means: drift of the fleet against baselines, alerts, dashboards.

It reads counts from ingest and facts from fleet and registry; nothing below knows that it exists.
"""
