"""What surrounds every request: middleware, errors as HTTP, health, metrics, and the process that serves files."""
