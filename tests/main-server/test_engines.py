"""Which engine serves: sherpa-onnx where its files are whole, else the built-in one with a sentence that says why."""

from pathlib import Path

import pytest

from fakes import tiny_models
from main_server import engines
from main_server.settings import Settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def chosen(**settings: str) -> tuple[str, str, str, str]:
    """Names of recogniser and voice, and what is wrong with either."""
    read = Settings(**settings)  # type: ignore[arg-type]
    recogniser, voice = engines.recogniser(read), engines.voice(read)
    return recogniser.engine.name, voice.engine.name, recogniser.problem, voice.problem


def test_nothing_in_the_models_folder_is_no_problem() -> None:
    assert chosen() == ("pocketsphinx", "espeak", "", "")


def test_auto_prefers_models_that_are_there_and_says_which(tmp_path: Path) -> None:
    tiny_models.sense_voice(tmp_path / "data" / "models" / "sensevoice")
    tiny_models.vits(tmp_path / "data" / "models" / "voice-zh", "zh")
    assert chosen() == ("sherpa", "sherpa", "", "")
    assert "SenseVoice in " in engines.recogniser(Settings()).why
    assert "VITS in " in engines.voice(Settings()).why
    assert chosen(asr="local:pocketsphinx", tts="local:espeak") == ("pocketsphinx", "espeak", "", "")
    assert chosen(tts_voice="en-gb")[:2] == ("sherpa", "espeak"), "the name of an espeak-ng voice keeps espeak-ng"


def test_the_folder_is_a_setting(tmp_path: Path) -> None:
    tiny_models.sense_voice(tmp_path / "elsewhere" / "sensevoice")
    assert chosen(models_dir=str(tmp_path / "elsewhere"))[0] == "sherpa"


@pytest.mark.parametrize("address", ["auto", "local:sherpa"])
def test_damaged_files_are_a_sentence_and_the_built_in_engines_serve(tmp_path: Path, address: str) -> None:
    models = tmp_path / "data" / "models"
    for folder in ("sensevoice", "voice-en"):
        (models / folder).mkdir(parents=True)
        (models / folder / "tokens.txt").write_text("a 0\n")
        (models / folder / "model.onnx").write_bytes(b"half of it")
    recogniser, voice, *problems = chosen(asr=address, tts=address)
    assert (recogniser, voice) == ("pocketsphinx", "espeak")
    for problem, folder in zip(problems, ("sensevoice", "voice-en"), strict=True):
        assert str(models / folder) in problem and "built-in engine serves" in problem


def test_a_tts_server_is_shown_the_token_that_services_share_and_no_other_server_is(tmp_path: Path) -> None:
    ours = Settings(tts="http://127.0.0.1:8003", tts_key="a vendor's", internal_token_file=tmp_path / "token")
    theirs = Settings(tts="openai+http://127.0.0.1:8003/v1", internal_token_file=tmp_path / "another")
    assert engines.voice(ours).engine.name == engines.voice(theirs).engine.name == "openai"
    assert (tmp_path / "token").exists() and not (tmp_path / "another").exists()


def test_asking_for_models_that_are_not_there_is_told(tmp_path: Path) -> None:
    recogniser, voice, *problems = chosen(asr="local:sherpa", tts="local:sherpa")
    assert (recogniser, voice) == ("pocketsphinx", "espeak")
    assert all(str(tmp_path / "data" / "models") in problem for problem in problems)
