"""Which engine of this machine serves a service that stands alone; main-server: tests/main-server/test_engines.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import EngineUnavailable
from engine_choice.local import first_local_voice, local_recogniser
from fakes import tiny_models

SETTING = "ZHIYIN_TTS_SERVER_ENGINE"


def voice(addresses: str, models: Path) -> tuple[str, str]:
    """The engine's name and what is wrong."""
    chosen = first_local_voice(addresses, models, SETTING)
    return chosen.engine.name, chosen.problem


def test_auto_takes_models_that_are_there_and_else_what_is_built_in(tmp_path: Path) -> None:
    assert voice("auto", tmp_path) == ("espeak", "")
    tiny_models.vits(tmp_path / "voice-zh", "zh")
    assert voice("auto", tmp_path) == ("sherpa", "")
    assert voice("local:espeak", tmp_path) == ("espeak", "")


def test_the_first_of_a_list_that_is_there_serves_and_the_others_trouble_is_told(tmp_path: Path) -> None:
    name, problem = voice("local:parrot | local:sherpa | local:espeak", tmp_path)
    assert name == "espeak"
    assert "local:parrot" in problem and str(tmp_path) in problem
    tiny_models.vits(tmp_path / "voice-en", "en")
    assert voice("local:sherpa|local:espeak", tmp_path) == ("sherpa", "")


@pytest.mark.parametrize("name", ["parrot", "openai"])
def test_an_unknown_engine_is_a_sentence_with_those_there_are(tmp_path: Path, name: str) -> None:
    with pytest.raises(EngineUnavailable, match=f"{SETTING}: .* local:{name} here; there are: .*local:espeak"):
        voice(f"local:{name}", tmp_path)


def test_recognisers_are_chosen_alike(tmp_path: Path) -> None:
    assert local_recogniser("auto", tmp_path, "ZHIYIN_ASR").engine.name == "pocketsphinx"
    tiny_models.paraformer(tmp_path / "paraformer")
    assert local_recogniser("auto", tmp_path, "ZHIYIN_ASR").engine.name == "sherpa"
