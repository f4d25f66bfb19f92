"""Who may call the speech service, and its settings."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tts_server.access import TOKEN_FILE, is_loopback, kept_token
from tts_server.serving import needed_token
from tts_server.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_token_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    token = kept_token(folder)
    assert len(token) >= 32
    assert kept_token(folder) == token
    assert stat.S_IMODE((folder / TOKEN_FILE).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [TOKEN_FILE]


def test_an_empty_token_file_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / TOKEN_FILE).write_text("\n", encoding="ascii")
    with pytest.raises(OSError, match="empty"):
        kept_token(tmp_path)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "::ffff:127.0.0.1"])
def test_on_loopback_nobody_has_to_show_a_token_unless_one_was_given(host: str, tmp_path: Path) -> None:
    assert is_loopback(host)
    assert needed_token(load_settings(tts_server_host=host)) == ""
    assert needed_token(load_settings(tts_server_host=host, internal_token="given")) == "given"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "10.0.0.1", "zhiyin.example", "127.0.0.1.example"])
def test_off_loopback_a_token_is_needed(host: str, tmp_path: Path) -> None:
    assert not is_loopback(host)
    assert needed_token(load_settings(tts_server_host=host)) == kept_token(Path("data"))
    assert needed_token(load_settings(tts_server_host=host, internal_token="given")) == "given"


@pytest.mark.parametrize(
    ("name", "value"),
    [("TTS_SERVER_PORT", "many"), ("TTS_SERVER_ENGINE", "parrot"), ("INTERNAL_TOKEN", "two words")],
)
def test_a_setting_that_cannot_be_used_is_named_and_not_repeated(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ZHIYIN_{name}", value)
    with pytest.raises(SettingsError, match=f"ZHIYIN_{name} cannot be used: .+") as refused:
        load_settings()
    assert value not in str(refused.value)
