"""Models, versions, variants, blobs, manifests, signing and channels: what exists."""
