"""The API that devices send telemetry to."""
