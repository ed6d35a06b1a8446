"""What the builder does with one claimed job: verify an upload, or build the variants of one target."""
