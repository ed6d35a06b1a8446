"""Does the jobs of a worker: verify an upload, build the variants of a target, publish them."""
