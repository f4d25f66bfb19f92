"""Services of one data folder agree on a secret without anybody writing one down."""

from __future__ import annotations

from pathlib import Path

import pytest

from main_server.internal_token import internal_token
from main_server.settings import SettingsError, load_settings


def test_a_token_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "data")
    token = internal_token(settings)
    assert len(token) >= 32
    assert internal_token(settings) == token
    [file] = (tmp_path / "data").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_setting_wins_and_nothing_is_written(tmp_path: Path) -> None:
    assert internal_token(load_settings(data_dir=tmp_path / "data", internal_token="ours")) == "ours"
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(SettingsError, match="internal token"):
        internal_token(load_settings(data_dir=tmp_path / "data"))
