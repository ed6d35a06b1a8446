"""The agent's own version, and the comparison with the `min_agent_version` of a manifest."""

__version__ = "0.2.0"


def parse(text: str) -> tuple[int, ...]:
    """Return the numbers of a dotted release (`1.2` → `(1, 2, 0)`), without a suffix for a pre-release or a build.

    Raises:
        ValueError: a part is not a number.
    """
    release = text.split("+", 1)[0].split("-", 1)[0]
    numbers = tuple(int(part) for part in release.split("."))
    return numbers + (0,) * (3 - len(numbers))
