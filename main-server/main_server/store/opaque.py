"""Secrets that mean nothing by themselves: cookies, tokens and invitations. The database keeps only their hashes."""

from __future__ import annotations

import hashlib
import secrets

SECRET_BYTES = 32


def new_secret(prefix: str = "") -> str:
    """A fresh secret of letters, digits, `-` and `_`, with 256 bits nobody can guess."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def hash_of(secret: str) -> str:
    """What is kept of a secret. A plain SHA-256: there is nothing to guess in 256 random bits, unlike in a password."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
