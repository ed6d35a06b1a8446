"""Models and their versions: upload, states, variants, and what depends on them."""
