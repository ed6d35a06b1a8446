"""Turns one uploaded ONNX file into one measured variant per hardware target.

Owns the intake (the checks of an upload), the recipes, the targets, the measurements and the gates. Knows nothing of
Django, rows or blobs: callers give paths and get facts. ``inspections`` and ``attempts`` are the way in; only a child
process (``sandbox``) touches the bytes of a model, so the parent imports neither onnx nor onnxruntime.
"""
