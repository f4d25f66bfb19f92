"""The keys that seal secrets: ZHIYIN_SECRET_KEY, or a file in the data folder made at the first run (mode 600)."""

from __future__ import annotations

import os
from pathlib import Path

from main_server.settings import Settings, SettingsError
from main_server.store.sealing import key_of, key_text, new_key

FILE = "secret_key"


def secret_keys(settings: Settings) -> list[bytes]:
    """The keys, the newest first. Raises SettingsError."""
    given = settings.secret_key.get_secret_value()
    path = settings.data_dir / FILE
    try:
        if given:
            return [key_of(each) for each in given.split(",")]
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path, [new_key()])
        return [key_of(line) for line in path.read_text(encoding="utf-8").split() or [""]]
    except OSError as error:
        raise SettingsError(f"The key at {path} that seals secrets cannot be had: {error.strerror}.") from error
    except ValueError:  # UnicodeDecodeError is one; the value itself is left out
        where = "ZHIYIN_SECRET_KEY" if given else str(path)
        raise SettingsError(
            f"{where} holds no key: write 32 random bytes in base64 (openssl rand -base64 32)."
        ) from None


def write_keys(settings: Settings, keys: list[bytes]) -> None:
    """Replaces the file's keys, whole or not at all. Raises SettingsError where the setting rules."""
    if settings.secret_key.get_secret_value():
        raise SettingsError("ZHIYIN_SECRET_KEY rules here: change it instead, the new key first, then the old one.")
    path = settings.data_dir / FILE
    fresh = _write(path, keys)
    fresh.replace(path)


def _make(path: Path, keys: list[bytes]) -> None:
    """Of two servers that start at once the first one's key stays."""
    fresh = _write(path, keys)
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def _write(path: Path, keys: list[bytes]) -> Path:
    fresh = path.with_name(f"{FILE}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write("".join(key_text(key) + "\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    return fresh
