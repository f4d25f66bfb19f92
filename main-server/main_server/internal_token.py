"""The secret that our services show each other across machines: the setting, or one made in the data folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from main_server.settings import Settings, SettingsError

FILE = "internal_token"


def internal_token(settings: Settings) -> str:
    """ZHIYIN_INTERNAL_TOKEN, else what DATA_DIR/internal_token holds, made now if there is none (mode 600). Raises
    SettingsError when it can be neither read nor written."""
    given = settings.internal_token.get_secret_value()
    if given:
        return given
    path = settings.data_dir / FILE
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        return _read(path) or _make(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The internal token at {path} cannot be had: {error}.") from error


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def _make(path: Path) -> str:
    """Whole or not at all: two services that start at once agree on the first one's."""
    token = secrets.token_urlsafe(32)
    fresh = path.with_name(f"{FILE}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(token + "\n")
    try:
        os.link(fresh, path)
    except FileExistsError:
        return _read(path) or token
    finally:
        fresh.unlink()
    return token
