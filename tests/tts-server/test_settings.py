"""The settings of the speech service, and its engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.errors import SettingsError
from tts_server.settings import load_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


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
