"""Whether a request comes from this very machine, judged by its socket and never by what it claims."""

from __future__ import annotations

import ipaddress

from starlette.requests import Request

# Somebody in between speaks for a client elsewhere; that the somebody sits on this machine proves nothing.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via", "cf-connecting-ip")


def from_loopback(request: Request) -> bool:
    """True when the peer of the socket is a loopback address and no proxy says it forwards for another.

    Holds also where a server rewrites the peer from a forwarded header: the header itself is refused.
    """
    if request.client is None or any(header in request.headers for header in _FORWARDED):
        return False
    try:
        address = ipaddress.ip_address(request.client.host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
