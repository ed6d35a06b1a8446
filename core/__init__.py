"""The floor every app stands on: errors, roles and API tokens, the audit trail, run-after-commit.

It knows nothing of models, devices or telemetry, and stays small.
"""
