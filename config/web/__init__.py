"""The web servers: middleware, errors as HTTP, health, metrics, and the process that serves files."""
