"""How the outputs of a variant and of its source compare, one file per task. Pure functions of arrays."""
