"""Rollouts: move a channel from one version to another in stages. Members, progress, verbs, and the steps of the beat."""
