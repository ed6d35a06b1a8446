"""The refusal of a caller who guessed too often, and the network that a caller is counted by."""

import math
from ipaddress import IPv6Address, ip_network

from core.errors import DomainError, Kind
from core.formats.network_addresses import read_address


class Throttled(DomainError):
    """Too many wrong passwords, tokens or keys came from the caller, or for the name."""

    code = "throttled"
    kind = Kind.THROTTLED

    def __init__(self, detail: str, *, wait_seconds: float) -> None:
        super().__init__(detail, retry_after_seconds=max(1, math.ceil(wait_seconds)))

    @property
    def retry_after_seconds(self) -> int:
        """How long to wait."""
        return int(str(self.extra["retry_after_seconds"]))


def network_of(address: str) -> str:
    """Return the network that counts as one caller: an IPv4 address, or the /64 of an IPv6 address, which one host may own."""
    found = read_address(address)
    if found is None:
        return "unknown"
    if isinstance(found, IPv6Address):
        return str(ip_network((found.packed[:8] + bytes(8), 64)))
    return str(found)
