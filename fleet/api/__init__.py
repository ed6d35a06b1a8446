"""The fleet over REST: the device API and the operator API, each with its own authentication."""
