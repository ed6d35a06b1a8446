"""analytics over REST, for people and their programs."""
