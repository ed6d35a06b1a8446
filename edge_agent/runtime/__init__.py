"""Inference for applications: the model in use, run by ONNX Runtime, with telemetry that records itself.

An application loads this folder and neither the updater nor the network: it reads slots and writes the telemetry file.
"""
