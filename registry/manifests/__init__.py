"""The manifest of a variant and its signature: what a device verifies before it loads a file."""
