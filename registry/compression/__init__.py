"""Turns one uploaded ONNX file into one measured variant per hardware target.

Owns the door (what an upload must survive), the recipes, the targets, the measurements and the gates. Knows nothing of
Django, rows or blobs: it is given paths and gives back facts. ``builds`` is the way in; whatever touches the bytes of a
model runs in a child process (``sandbox`` → ``child``), so the parent imports neither onnx nor onnxruntime.
"""
