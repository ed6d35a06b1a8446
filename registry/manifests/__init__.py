"""The manifest of a variant and its signature. A device verifies both before it loads a file."""
