"""Models and their versions: upload, states, variants, and everything that depends on them."""
