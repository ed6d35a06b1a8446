"""The parts of the recipe ``mixed-int8``: what can be quantized, how a set of nodes is quantized, and which set is best."""
