"""Finds out whether an address is free. granian binds with SO_REUSEPORT, so every check here binds without it."""

import errno
import socket

from core.errors import DomainError, Kind


class AddressInUse(DomainError):
    """Another program listens on the server's address."""

    code = "address_in_use"
    kind = Kind.CONFLICT


class AddressUnusable(DomainError):
    """The host is not an address of this machine, or this user may not open the port."""

    code = "address_unusable"
    kind = Kind.INVALID


def resolve(host: str) -> str:
    """Return the host as a numeric address. A name with several addresses means the first IPv4 address.

    Raises:
        AddressUnusable: when the name has no address.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return str(min(found, key=lambda entry: entry[0] != socket.AF_INET)[4][0])
    except socket.gaierror as error:
        raise AddressUnusable(f"HOST={host} is not an address of this machine: {error.strerror}") from error


def check_is_free(host: str, *, port: int, setting: str) -> None:
    """Bind the address for a moment, without SO_REUSEPORT: with it, an old granian worker on the port goes unnoticed.

    Raises:
        AddressInUse: when another program listens on it.
        AddressUnusable: when this process cannot listen on it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections of an earlier server in TIME_WAIT must not count. On Linux a listener still counts.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise AddressInUse(
                    f"{host}:{port} is taken by another program; stop it, or choose another port with {setting}"
                ) from error
            raise AddressUnusable(f"cannot listen on {host}:{port} ({setting}): {error.strerror}") from error


def choose_free(host: str, *, first: int) -> int:
    """Return the first choice if it is free, else any free port."""
    try:
        if first <= 65_535:
            check_is_free(host, port=first, setting="FILES_PORT")
            return first
    except AddressInUse:
        pass
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_listening(host: str, *, port: int) -> bool:
    """Return whether the address accepts a connection."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True
