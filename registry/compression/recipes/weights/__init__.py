"""The weights of a model: where they are, how they are rounded, and how a file stores them in fewer bytes."""
