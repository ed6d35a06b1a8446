"""The models on this device: two slots each, their manifests, and the pointer to the slot in use."""
