"""Who may call: anybody on this machine while we listen on loopback, else who shows the internal token."""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
from pathlib import Path

from starlette.requests import Request

TOKEN_FILE = "internal_token"

# Somebody in between speaks for a client elsewhere; that the somebody sits on this machine proves nothing.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via", "cf-connecting-ip")


def is_loopback(host: str) -> bool:
    """Whether an address to listen on, or of a peer, is this machine's own."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def from_loopback(request: Request) -> bool:
    """True when the peer of the socket is this machine and no proxy says it forwards for another."""
    if request.client is None or any(header in request.headers for header in _FORWARDED):
        return False
    return is_loopback(request.client.host)


def may_call(request: Request, token: str) -> bool:
    """Whether a request shows `token` (`Authorization: Bearer TOKEN`); "" lets everybody in."""
    if not token:
        return True
    kind, _, shown = request.headers.get("authorization", "").partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), token.encode())


def kept_token(data_dir: Path) -> str:
    """The token of this data folder, made at the first call, readable by its owner only. Raises OSError."""
    path = data_dir / TOKEN_FILE
    data_dir.mkdir(parents=True, exist_ok=True)
    draft = data_dir / f".{TOKEN_FILE}-{secrets.token_hex(4)}"
    try:
        if not path.exists():
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
            _claim(draft, path)
        token = path.read_text(encoding="ascii", errors="ignore").strip()
    finally:
        draft.unlink(missing_ok=True)
    if not token:
        raise OSError(f"{path} is empty: delete it, and the next start makes a new one")
    return token


def _claim(draft: Path, path: Path) -> None:
    """Gives the draft its name, unless another service has been first: nobody ever reads half a token."""
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        draft.replace(path)
