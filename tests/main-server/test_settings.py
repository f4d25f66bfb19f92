"""Settings: empty means unset, a bad one is a sentence that names it, a misspelt one is pointed out."""

from __future__ import annotations

from pathlib import Path

import pytest

from main_server.settings import SettingsError, load_serving_settings, load_settings, unknown_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_empty_setting_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASR", "TTS", "LLM_URL", "PUBLIC_URL", "ENDPOINTING", "CLAIM", "PORT"):
        monkeypatch.setenv(f"ZHIYIN_{name}", "")
    settings = load_settings()
    assert (settings.asr, settings.tts, settings.llm_url, settings.port) == ("auto", "auto", None, 8000)
    assert (settings.claim, settings.endpointing, settings.public_url) == ("code", "adaptive", None)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.10", "::", "zhiyin.local", ""])
def test_a_port_that_other_machines_reach_is_not_open_to_any_device(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIYIN_HOST", host)
    assert load_serving_settings().claim == "code"
    monkeypatch.setenv("ZHIYIN_CLAIM", "open")
    if not host:  # unset: loopback
        assert load_serving_settings().claim == "open"
        return
    with pytest.raises(SettingsError, match=r"ZHIYIN_CLAIM=open.*leave ZHIYIN_CLAIM out.*ZHIYIN_HOST=127"):
        load_serving_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("ASR", "http://host/v1"),
        ("TTS", "local:"),
        ("TTS", "http://host:8003/v1"),
        ("TTS", "http://host:8003|http://"),
        ("MODELS_MIRROR", "ftp://host/models"),
        ("LLM_URL", "host:11434"),
        ("ENDPOINTING", "fixed:0"),
        ("ENDPOINTING", "quick"),
        ("HEARING_URL", "http://elsewhere"),
        ("HEARING_URL", "ws:elsewhere"),
        ("AUDIO_URL", "folder"),
        ("AUDIO_URL", "s3://bucket?endpoint=host"),
        ("RECORDING", "video"),
        ("FABRIC_URL", "nats://elsewhere"),
        ("CLAIM", "closed"),
        ("IDLE_S", "500"),
        ("PUBLIC_URL", "http://[::1]:8000"),
        ("PUBLIC_URL", "http://host:99999"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIYIN_LLM_MODEL", "any")
    monkeypatch.setenv(f"ZHIYIN_{name}", value)
    with pytest.raises(SettingsError, match=f"ZHIYIN_{name} cannot be used: .+"):
        load_settings()


def test_a_voice_address_without_its_scheme_is_told_how_a_tts_server_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZHIYIN_TTS", "localhost:8003")
    with pytest.raises(SettingsError, match=r"openai\+http://HOST/v1, .*; a tts-server is http://HOST:8003"):
        load_settings()


def test_a_key_in_the_wrong_line_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIYIN_LLM_URL", "sk-secret-key")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "sk-secret-key" not in str(refused.value)


def test_a_model_server_without_a_model_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIYIN_LLM_URL", "http://127.0.0.1:11434/v1")
    with pytest.raises(SettingsError, match="ZHIYIN_LLM_MODEL"):
        load_settings()


def test_dotenv_is_read_and_misspelt_names_in_it_are_pointed_out() -> None:
    Path(".env").write_text("ZHIYIN_PORT=8123\nZHIYIN_PROT=8124\n# ZHIYIN_NOTE=1\n", encoding="utf-8")
    assert load_settings().port == 8123
    assert unknown_settings() == ["ZHIYIN_PROT"]


def test_a_dotenv_that_is_not_utf_8_is_a_sentence() -> None:
    Path(".env").write_bytes("ZHIYIN_PORT=8123".encode("utf-16"))
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings()
