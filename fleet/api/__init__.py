"""The fleet over REST: the device API and the operator API, apart, each with its own authentication."""
