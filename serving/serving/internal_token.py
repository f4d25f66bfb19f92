"""The secret that our services show each other across machines: the setting, or one kept in a file and made there."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from serving.errors import SettingsError

TOKEN_FILE = "internal_token"


def internal_token(given: str, path: Path) -> str:
    """`given` (ZHIYIN_INTERNAL_TOKEN), else what the file at `path` holds, made now if there is none (mode 600).

    Raises SettingsError when it can be neither read nor written, or is empty.
    """
    return given or kept_token(path, "internal token")


def kept_token(path: Path, what: str) -> str:
    """What the file at `path` holds, made now if there is none (mode 600). `what` names it in sentences.

    Raises SettingsError when it can be neither read nor written, or is empty.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The {what} at {path} cannot be had: {error}.") from error
    if not token:
        raise SettingsError(f"The {what} at {path} is empty: delete the file, and the next start makes a new one.")
    return token


def _make(path: Path) -> None:
    """Whole or not at all: two services that start at once agree on the first one's."""
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        _claim(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def _claim(fresh: Path, path: Path) -> None:
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass  # another service was first
    except OSError:  # a file system without hard links
        fresh.replace(path)
