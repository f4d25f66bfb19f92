"""A server's address as people type it, and the key we show there. Pure. No sentence raised here holds either."""

from __future__ import annotations

import ipaddress

from yarl import URL

from contracts.errors import EngineUnavailable


def server_url(typed: str) -> URL | None:
    """An http(s) address with a host, or None."""
    try:
        url = URL(typed.strip())
    except ValueError:
        return None
    return url if url.scheme in ("http", "https") and url.host else None


def socket_url(typed: str) -> URL | None:
    """The address of a WebSocket server, ws(s) or http(s), in the http form that aiohttp takes for both; or None."""
    scheme, separator, rest = typed.strip().partition("://")
    plain = {"ws": "http", "wss": "https"}.get(scheme.lower(), scheme)
    return server_url(f"{plain}{separator}{rest}")


def is_near(url: URL) -> bool:
    """Whether this is a server of one's own, by its name: this machine, a private address, or a name without a dot."""
    host = url.host or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".lan", ".internal", ".localhost"))
    return address.is_private or address.is_loopback


def endpoint(url: URL, path: str) -> URL:
    """`path` below a base address, which may end in it already. A query is kept: some gateways want one."""
    base = url.path.rstrip("/")
    return url.with_path(base if base.endswith(path) else base + path, keep_query=True)


def with_key(url: URL, key: str, server: str, engine: str, *, scheme: str = "Bearer") -> tuple[URL, dict[str, str]]:
    """The address to ask and the header that holds the key. Raises EngineUnavailable for a key that cannot be sent.

    An address with a name and a password loses them to a key: aiohttp sends one of the two, and refuses both.
    """
    key = key.strip()
    if not key:
        return url, {}
    if not (key.isascii() and key.isprintable()):
        raise EngineUnavailable(f"The {server}'s key holds characters that no key has.", engine=engine)
    return url.with_user(None), {"Authorization": f"{scheme} {key}"}
