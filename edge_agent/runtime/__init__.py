"""Inference for applications: the active slot, ONNX Runtime, and telemetry that records itself."""
