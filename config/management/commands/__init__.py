"""The commands that start the server and prepare it for a release."""
