"""Holds Django's folder of commands."""
