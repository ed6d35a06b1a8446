"""The intake: every check that an upload must pass before a recipe reads it. Runs in the child only."""
