"""How the console writes numbers, times and words for people."""
