"""The REST API of analytics, for people and their programs."""
