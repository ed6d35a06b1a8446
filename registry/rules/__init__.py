"""The registry's rules that need no database: names and numbers, histograms, manifests, signatures, moves."""
