"""Running one model file on this machine: arrays in, arrays and scores out.

Owns everything that depends on ONNX Runtime. Knows no slot, no version, no telemetry and no server: the caller brings the
bytes of the model and keeps the results. The agent's self-test and the applications' `Runtime` share this folder.
"""
