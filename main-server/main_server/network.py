"""Where this machine is on the local network, and networks as people write them."""

from __future__ import annotations

import ipaddress
import socket

LOOPBACK = "127.0.0.1"


def lan_address() -> str:
    """This machine's IPv4 address as its neighbours see it; loopback when there is no network.

    Connecting a UDP socket sends nothing: it only asks the routing table (192.0.2.1 is reserved for documentation).
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return LOOPBACK


def networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Addresses and networks, separated by commas. Raises ValueError for one that is none."""
    return [ipaddress.ip_network(each.strip(), strict=False) for each in text.split(",") if each.strip()]
