"""Answers of the fleet's API: each class describes an answer for OpenAPI and renders it."""
