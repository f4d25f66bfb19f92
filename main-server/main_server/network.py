"""Where this machine is on the local network."""

from __future__ import annotations

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
