"""Who may use this service: programs of this machine, and those that know the internal token."""

from __future__ import annotations

import ipaddress
import secrets

from starlette.requests import HTTPConnection

# Somebody in between speaks for a client elsewhere; that the somebody sits on this machine proves nothing.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via", "cf-connecting-ip")


def from_this_machine(connection: HTTPConnection) -> bool:
    """True when the peer of the socket is a loopback address, no proxy forwards for another, and no web page asks:
    a page of any site, open in a browser here, could."""
    headers = connection.headers
    if connection.client is None or "origin" in headers or any(name in headers for name in _FORWARDED):
        return False
    try:
        address = ipaddress.ip_address(connection.client.host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def knows_token(connection: HTTPConnection, token: str) -> bool:
    """Whether it carries `Authorization: Bearer TOKEN`. No token lets nobody in."""
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    return bool(token) and scheme.lower() == "bearer" and secrets.compare_digest(given.encode(), token.encode())
