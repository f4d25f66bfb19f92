"""Whether the page that asks is one of this server's own: the origin that a browser tells, compared with our names."""

from __future__ import annotations

from collections.abc import Collection

_DEFAULT_PORTS = {"http": "80", "https": "443"}


def is_own_page(origin: str, hosts: Collection[str]) -> bool:
    """`origin` as browsers send it ("https://host:port", "null" for a page without one); `hosts` are the names, with
    ports where they are not the default, under which this server may have been called."""
    scheme, _, host = origin.lower().partition("://")
    return bool(host) and _with_port(host, scheme) in {_with_port(each.lower(), scheme) for each in hosts if each}


def _with_port(host: str, scheme: str) -> str:
    has_port = host.rpartition(":")[2].isdigit() and not host.endswith("]")
    return host if has_port else f"{host}:{_DEFAULT_PORTS.get(scheme, '')}"
