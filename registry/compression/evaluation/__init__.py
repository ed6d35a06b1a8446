"""What a variant is worth beside its source: parity, latency, memory, and the gates that judge them."""
