"""analytics in the console: the drift page and the alerts."""
