"""Whether an address is free, asked in the one way that granian's SO_REUSEPORT cannot answer wrongly."""

import errno
import socket

from core.errors import DomainError, Kind


class AddressInUse(DomainError):
    """Another program listens where the server should."""

    code = "address_in_use"
    kind = Kind.CONFLICT


class AddressUnusable(DomainError):
    """The host is not one of this machine's, or the port is not ours to open."""

    code = "address_unusable"
    kind = Kind.INVALID


def resolve(host: str) -> str:
    """Return the host as a numeric address; where a name means several, the first of IPv4's."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return str(min(found, key=lambda entry: entry[0] != socket.AF_INET)[4][0])
    except socket.gaierror as error:
        raise AddressUnusable(f"HOST={host} is not an address of this machine: {error.strerror}") from error


def check_is_free(host: str, *, port: int, setting: str) -> None:
    """Bind the address for a moment, without SO_REUSEPORT, beside which an old granian worker would go unnoticed.

    Raises:
        AddressInUse: when something listens there.
        AddressUnusable: when it cannot be ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections of an earlier server in TIME_WAIT do not count; on Linux a listener still does.
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
    """Return the first choice where it is free, else any port that is."""
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
    """Return whether a connection is accepted there."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True
