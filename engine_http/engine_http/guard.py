"""Where an address that somebody typed may lead: asked at the moment of connecting, when the name has been resolved.

Checking a typed address beforehand is no protection: a name may resolve to something else a second later, and a server
may redirect. So the guard makes the socket, for every address that is tried.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata of most clouds
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "192.0.0.192/32",  # metadata of Oracle Cloud
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "fd00:ec2::/32",  # metadata of AWS
        "ff00::/8",
    )
)
"""Nobody's engine is here."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(OSError):
    """The address may not be connected to. aiohttp reports it as a connection that failed, with this sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(errno.EACCES, sentence)


class AddressGuard:
    """A socket factory for aiohttp.TCPConnector that makes none for forbidden addresses.

    `private`: networks at home and this machine may be reached too, which an owner may allow and a member may not.
    """

    def __init__(self, *, private: bool) -> None:
        self._private = private

    def __call__(self, address: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        """A socket for one resolved address (family, type, protocol, name, place). Raises AddressRefused."""
        family, kind, protocol, _, place = address
        check(str(place[0]), private=self._private)
        made = socket.socket(family=family, type=kind, proto=protocol)
        made.setblocking(False)
        return made


def guarded(*, private: bool) -> dict[str, Any]:
    """What a connector is made with (aiohttp.TCPConnector), so that all it connects to has passed an AddressGuard."""
    return {"socket_factory": AddressGuard(private=private)}


def refused(error: BaseException) -> str:
    """The guard's sentence, where it is why a connection failed; else "". It does not tell what a name resolved to."""
    cause = getattr(error, "os_error", error)
    return str(cause.strerror) if isinstance(cause, AddressRefused) else ""


def check(host: str, *, private: bool) -> None:
    """Raises AddressRefused unless the IP address `host` may be connected to."""
    real = _real(ipaddress.ip_address(host.partition("%")[0]))
    if any(real.version == network.version and real in network for network in NEVER):
        raise AddressRefused("It is not an address of any engine.")
    if not private and not real.is_global:
        raise AddressRefused("It lies in a private network, which only an owner of this server may reach.")


def _real(address: Address) -> Address:
    """The address behind the ways of writing IPv4 as IPv6."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address
