"""Hardware targets that an address names: there, an unknown one is 404 and no mistake in the body."""

from core.errors import Missing
from registry.compression.targets import UnknownTarget, get_target


class NoSuchTarget(Missing):
    """The path names a hardware target that does not exist."""

    code = "unknown_target"


def check_target(target: str) -> None:
    """Let the name of a target pass.

    Raises:
        NoSuchTarget: There is none of that name.
    """
    try:
        get_target(target)
    except UnknownTarget as error:
        raise NoSuchTarget(error.detail) from error
