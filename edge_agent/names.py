"""The names that the wire contract fixes: of files in a slot, and the patterns of names and digests."""

import re

MANIFEST_FILE = "manifest.json"
SIGNATURE_FILE = "model.sig"
RESERVED_FILENAMES = frozenset({MANIFEST_FILE, SIGNATURE_FILE})

# One pattern for device ids, model names, hardware targets, label keys, attempt ids and file names. Each of them becomes
# part of a path or of an address, so it holds no slash and does not begin with a dot.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
SHA256 = re.compile(r"[0-9a-f]{64}")
