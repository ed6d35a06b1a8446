"""Moves a channel from one version to another, in stages: who is covered, how far it is, what comes next."""
