"""Store-and-forward telemetry: what the application infers is kept on the device until the server has said that it is durable."""
