"""Services of one data folder agree on a secret without anybody writing one down."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from serving.errors import SettingsError
from serving.internal_token import TOKEN_FILE, internal_token


def test_a_token_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    token = internal_token("", folder / TOKEN_FILE)
    assert len(token) >= 32
    assert internal_token("", folder / TOKEN_FILE) == token
    assert [path.name for path in folder.iterdir()] == [TOKEN_FILE]
    assert stat.S_IMODE((folder / TOKEN_FILE).stat().st_mode) == 0o600


def test_the_setting_wins_and_nothing_is_written(tmp_path: Path) -> None:
    assert internal_token("ours", tmp_path / "data" / TOKEN_FILE) == "ours"
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(SettingsError, match="internal token"):
        internal_token("", tmp_path / "data" / TOKEN_FILE)


def test_an_empty_token_file_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / TOKEN_FILE).write_text("\n", encoding="ascii")
    with pytest.raises(SettingsError, match="empty"):
        internal_token("", tmp_path / TOKEN_FILE)
