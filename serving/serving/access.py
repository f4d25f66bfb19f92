"""Who may use a service: whoever shows the internal token, and where it is not needed, programs of this machine."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import HTTPConnection

from serving.internal_token import internal_token

# Somebody in between speaks for a client elsewhere; that the somebody sits on this machine proves nothing.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via", "cf-connecting-ip")

TOKEN_IS_WANTED = (
    "This service wants its internal token, as Authorization: Bearer TOKEN: what ZHIYIN_INTERNAL_TOKEN says, or the "
    "file internal_token in its data folder (ZHIYIN_INTERNAL_TOKEN_FILE)."
)


@dataclass(frozen=True, slots=True)
class Access:
    """`token` "" is known to nobody. With `trust_this_machine` a program here needs none."""

    token: str = ""
    trust_this_machine: bool = False

    def admits(self, connection: HTTPConnection) -> bool:
        """Whether a request, or a WebSocket's, may be served."""
        return (self.trust_this_machine and from_this_machine(connection)) or self.knows(connection)

    def knows(self, connection: HTTPConnection) -> bool:
        """Whether it carries `Authorization: Bearer TOKEN`."""
        scheme, _, shown = connection.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.is_token(shown.strip())

    def is_token(self, shown: str) -> bool:
        """For what is no HTTP: whether this is the token."""
        return bool(self.token) and secrets.compare_digest(shown.encode(), self.token.encode())


def access_to(host: str, given: str, path: Path) -> Access:
    """The rule of every service: a token that its owner has chosen (`given`) is wanted of everybody; without one,
    programs of this machine need none as long as `host`, the address listened on, is loopback. `path` is where the kept
    one lies. Raises SettingsError."""
    if not given and is_loopback(host):
        return Access(trust_this_machine=True)
    return Access(internal_token(given, path))


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine only."""
    return host == "localhost" or _is_loopback_ip(host)


def from_this_machine(connection: HTTPConnection) -> bool:
    """`came_from_here` of a request."""
    return came_from_here(connection.client.host if connection.client else "", connection.headers)


def came_from_here(peer: str, headers: Container[str]) -> bool:
    """True when the peer of the socket is a loopback address, no proxy forwards for another, and no web page asks:
    a page of any site, open in a browser here, could. `headers` finds names in any case.

    Holds also where a server rewrites the peer from a forwarded header: the header itself is refused.
    """
    return "origin" not in headers and not any(name in headers for name in _FORWARDED) and _is_loopback_ip(peer)


def _is_loopback_ip(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
