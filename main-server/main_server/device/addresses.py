"""The address a board is told to talk to, built so that its naive parser cannot fail (PROTOCOL 2.1, traps 5 and 33)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from main_server.device.handshake import DEVICE_PATH

_HOST = re.compile(r"(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}))(?::(?P<port>[0-9]{1,5}))?")
_PATH = re.compile(r"[A-Za-z0-9._~/-]*")
_SECURE = {"http": False, "ws": False, "https": True, "wss": True}


class AddressError(ValueError):
    """A public URL that no board could use; the message says what is wrong with it."""


def websocket_url(host: str, *, secure: bool, lan_address: str, port: int, public_url: str = "") -> str:
    """Where the asking board finds its WebSocket.

    `host` is the Host header of its own request. What a board could not use (an IPv6 literal, a stray colon, no host
    at all) gives way to this machine's IPv4 `lan_address` and `port`. `public_url` outranks both.
    Raises AddressError for an unusable public URL: check it once at the start with `checked_public_url`.
    """
    if public_url:
        return checked_public_url(public_url)
    return _url(secure, _usable_host(host) or f"{lan_address}:{port}")


def checked_public_url(public_url: str) -> str:
    """The WebSocket URL under a public base URL such as `https://voice.example.org/base`. Raises AddressError."""
    try:
        parts = urlsplit(public_url.strip())
    except ValueError:
        raise AddressError("The public URL cannot be read: the brackets of its host do not match.") from None
    if parts.scheme.lower() not in _SECURE:
        raise AddressError("The public URL must begin with http://, https://, ws:// or wss://.")
    if not _usable_host(parts.netloc):
        raise AddressError("The public URL needs a host name or an IPv4 address: boards cannot use anything else.")
    if parts.query or parts.fragment or not _PATH.fullmatch(parts.path):
        raise AddressError("The public URL may hold a plain path, but no query and no colon: boards misread them.")
    return _url(_SECURE[parts.scheme.lower()], parts.netloc, parts.path.rstrip("/"))


def _url(secure: bool, host: str, base_path: str = "") -> str:
    # Boards choose TLS by the lower-case scheme alone.
    return f"{'wss' if secure else 'ws'}://{host}{base_path}{DEVICE_PATH}/"


def _usable_host(host: str) -> str:
    """`host` when a board can connect to it, else ""."""
    match = _HOST.fullmatch(host.strip())
    if match is None or match["name"] == "0.0.0.0":
        return ""
    port = match["port"]
    return host.strip() if port is None or 0 < int(port) < 65_536 else ""
