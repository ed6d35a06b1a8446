"""Read addresses of the network as sockets, proxies and people write them."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

# "192.0.2.1:443", "[2001:db8::1]:443" and "[2001:db8::1]".
_WITH_PORT: Final = re.compile(r"(?:\[([^\]]+)\]|([0-9.]+))(?::[0-9]{1,5})?")
_MAPPED_BITS: Final = 96


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address, without brackets and port; None if the text is none.

    A socket that takes both kinds of addresses shows 192.0.2.1 as ::ffff:192.0.2.1 (RFC 4291, 2.5.5.2). It is read as 192.0.2.1.
    """
    found = _WITH_PORT.fullmatch(text.strip())
    try:
        address = ip_address(found[1] or found[2] if found else text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def read_network(text: str) -> IPv4Network | IPv6Network:
    """Return the network, read as ``read_address`` reads addresses.

    Raises:
        ValueError: The text is no network.
    """
    network = ip_network(text, strict=False)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
