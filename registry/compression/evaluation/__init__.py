"""The evaluation of a variant: parity, latency and memory beside its source, and the gates that judge them."""
