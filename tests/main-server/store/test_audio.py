"""What lies on the disk opens to nobody without the keys, and to us after every change of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from main_server import secrets_command
from main_server.secret_keys import secret_keys
from main_server.settings import Settings
from main_server.store.audio.address import open_files
from main_server.store.audio.data_keys import DataKeys
from main_server.store.audio.sealed import SealedFiles
from main_server.store.engine import default_url, open_database
from main_server.store.migrate import migrate
from main_server.store.sealing import Seal, SecretLost

SOUND = b"OggS" + b"OpusHead" * 500


async def sealed_files(folder: Path) -> SealedFiles:
    """The files of a data folder, as the server opens them."""
    await migrate(default_url(folder))
    database = open_database(default_url(folder))
    keys = DataKeys(database, Seal(secret_keys(Settings(data_dir=folder))))
    await keys.load()
    return SealedFiles(open_files("file:", folder), keys)


def on_disk(folder: Path) -> list[Path]:
    return [path for path in (folder / "audio").rglob("*") if path.is_file()]


async def test_a_file_shows_nothing_of_its_sound_and_is_its_owners_only(tmp_path: Path) -> None:
    files = await sealed_files(tmp_path)
    await files.put("recordings/aa/x", SOUND)
    [path] = on_disk(tmp_path)
    raw = path.read_bytes()
    assert raw.startswith(b"ZYA1") and b"Ogg" not in raw and b"Opus" not in raw and len(raw) < len(SOUND) + 100
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    await files.put("recordings/aa/y", SOUND)
    assert (tmp_path / "audio/recordings/aa/y").read_bytes()[40:] != raw[40:]


async def test_the_database_and_the_files_without_the_key_open_nothing(tmp_path: Path) -> None:
    home, stolen = tmp_path / "home", tmp_path / "stolen"
    files = await sealed_files(home)
    await files.put("recordings/aa/x", SOUND)
    shutil.copytree(home, stolen, ignore=shutil.ignore_patterns("secret_key"))
    with pytest.raises(SecretLost):
        await sealed_files(stolen)


async def test_a_file_in_anothers_place_or_changed_by_a_bit_does_not_open(tmp_path: Path) -> None:
    files = await sealed_files(tmp_path)
    await files.put("recordings/aa/x", SOUND)
    path = tmp_path / "audio/recordings/aa/x"
    shutil.copy(path, path.with_name("y"))
    with pytest.raises(SecretLost, match="place"):
        await files.get("recordings/aa/y")
    for at in (0, 5, 20, 40, -1):
        raw = bytearray(path.read_bytes())
        raw[at] ^= 1
        path.with_name("z").write_bytes(raw)
        with pytest.raises(SecretLost):
            await files.get("recordings/aa/z")
    path.write_bytes(b"OggS")
    with pytest.raises(SecretLost, match="damaged"):
        await files.get("recordings/aa/x")


async def test_new_secret_keys_need_no_file_written_again_and_later_ones_are_sealed_with_a_new_key(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path)
    files = await sealed_files(tmp_path)
    await files.put("recordings/aa/before", SOUND)
    raw = (tmp_path / "audio/recordings/aa/before").read_bytes()
    await secrets_command.rotate(settings)
    await files.put("recordings/aa/running", SOUND)  # a server that was not restarted yet
    again = await sealed_files(tmp_path)
    await again.put("recordings/aa/after", SOUND)
    await secrets_command.forget_old(settings)
    last = await sealed_files(tmp_path)
    for name in ("before", "running", "after"):
        assert await last.get(f"recordings/aa/{name}") == SOUND
    assert (tmp_path / "audio/recordings/aa/before").read_bytes() == raw
    assert (tmp_path / "audio/recordings/aa/after").read_bytes()[4:16] != raw[4:16]


async def test_two_servers_that_start_at_once_read_each_others_files(tmp_path: Path) -> None:
    one = await sealed_files(tmp_path)
    other = await sealed_files(tmp_path)
    await secrets_command.rotate(Settings(data_dir=tmp_path))
    third = await sealed_files(tmp_path)
    await third.put("recordings/aa/x", SOUND)
    await one.put("recordings/aa/y", SOUND)
    assert await other.get("recordings/aa/y") == SOUND
    with pytest.raises(SecretLost):  # it was started before the new secret key was made
        await one.get("recordings/aa/x")
