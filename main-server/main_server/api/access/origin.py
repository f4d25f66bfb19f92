"""Whether a browser's request comes from our own pages, and whose address a request comes from.

A cookie travels with every request a browser makes, also with those that other sites make it send. So a request that
changes something and is not signed with a token must carry a header that other sites cannot add, and an Origin, where
there is one, that is this server.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.requests import Request

from main_server.api.problems import Problem
from serving.origin import is_own_page

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OUR_HEADER = "x-zhiyin"
"""The header our pages add to every request that changes something; its value does not matter."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """The proxies whose word about the client counts (`ZHIYIN_TRUSTED_PROXIES`), by address."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)

    def client_address(self, request: Request) -> str:
        """The client's address: the socket's, unless a trusted proxy forwards for another. "" when there is none."""
        address = request.client.host if request.client else ""
        forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        for named in reversed(forwarded):
            if not self._trusts(address):
                break
            named = _bare(named)
            if not named:
                break
            address = named
        return address

    def is_secure(self, request: Request) -> bool:
        """Whether the browser talks TLS, to us or to a trusted proxy."""
        if request.url.scheme == "https":
            return True
        return self._peer_trusted(request) and request.headers.get("x-forwarded-proto", "").lower() == "https"

    def hosts(self, request: Request) -> set[str]:
        """The names under which the browser may have called us."""
        peer, headers = request.client.host if request.client else "", request.headers
        return self.names(peer, headers.get("host", ""), headers.get("x-forwarded-host", ""))

    def called(self, request: Request) -> str:
        """The one under which it did, as far as we are told."""
        forwarded = request.headers.get("x-forwarded-host", "") if self._peer_trusted(request) else ""
        return forwarded.strip() or request.headers.get("host", "")

    def names(self, peer: str, host: str, forwarded_host: str) -> set[str]:
        """The same for a request that is no HTTP any more: its peer, and what its two headers say."""
        hosts = {host, forwarded_host} if self._trusts(peer) else {host}
        return {each.strip().lower() for each in hosts} - {""}

    def _peer_trusted(self, request: Request) -> bool:
        return request.client is not None and self._trusts(request.client.host)

    def _trusts(self, address: str) -> bool:
        try:
            parsed = _parsed(address)
        except ValueError:
            return False
        return any(parsed.version == network.version and parsed in network for network in self._networks)


def neighbourhood(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 of an IPv6 address, which is all one household's."""
    try:
        parsed = _parsed(address)
    except ValueError:
        return address
    return str(parsed) if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))


def check_origin(request: Request, proxies: TrustedProxies, public_host: str = "") -> None:
    """Raises Problem when a request that changes something may have been made by another site."""
    if request.method in SAFE_METHODS or "authorization" in request.headers:
        return
    if OUR_HEADER not in request.headers:
        raise Problem(403, "header_missing", "Send the header X-Zhiyin: 1 with every request that changes something.")
    origin = request.headers.get("origin")
    if origin is None:
        return
    if not is_own_page(origin, proxies.hosts(request) | {public_host}):
        raise Problem(403, "wrong_origin", "Another site asked for this; it is only done for Zhiyin's own pages.")


def _bare(text: str) -> str:
    """An address as a proxy writes it, without a port; "" when it is none."""
    text = text.strip().strip('"')
    for candidate in (text, text.rpartition(":")[0], text.partition("]")[0].lstrip("[")):
        try:
            return str(_parsed(candidate))
        except ValueError:
            continue
    return ""


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return getattr(parsed, "ipv4_mapped", None) or parsed
