"""The registry: models, versions and variants, with their blobs, manifests, signatures and channels. Knows no device."""
