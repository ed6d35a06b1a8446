"""Makes the messages of tools fit for the person who uploaded."""

import re

_MAX_LENGTH = 300
_READ_LENGTH = 10_000


def tidy(message: str) -> str:
    """Return one line of a tool's message, without paths and addresses of this server, cut to a readable length."""
    line = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", " ".join(message[:_READ_LENGTH].split()))
    line = re.sub(r"(?:/[\w.+-]+){2,}/?(?::\d+)?", "…", line)
    return line[:_MAX_LENGTH].strip()
