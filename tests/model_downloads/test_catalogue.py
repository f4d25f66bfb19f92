"""The catalogue names models that the engines would find, every file with its size and hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr_worker.engines.sherpa_files import recogniser_files, speaker_model
from model_downloads.catalogue import catalogue, known
from model_downloads.errors import UnknownModel
from model_downloads.places import FirstOf, FolderPlace, WebPlace, place_of
from tts_server.engines.sherpa_files import voice_files


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    """A models folder with all the catalogue's files by name, and something in each."""
    for model in catalogue().values():
        (tmp_path / model.name).mkdir()
        for file in model.files:
            (tmp_path / model.name / file.name).write_text("<|zh|> 0\n" if model.name == "sensevoice" else "a 0\n")
    return tmp_path


def test_what_is_fetched_is_what_the_engines_look_for(everything: Path) -> None:
    recogniser = recogniser_files(everything)
    assert recogniser is not None and recogniser.kind == "SenseVoice"
    assert {language: files.kind for language, files in voice_files(everything).items()} == {
        "zh": "Matcha",
        "en": "VITS",
    }
    assert not any(files.wants_phonemes for files in voice_files(everything).values())
    assert speaker_model(everything) is not None


def test_every_file_has_a_hash_and_every_model_a_licence_and_a_place() -> None:
    for model in catalogue().values():
        assert model.licence and model.licence_url.startswith("https://")
        assert model.modelscope and all(place.startswith("https://") for place in model.web)
        assert all(file.size_bytes > 0 and len(file.sha256) == 64 for file in model.files)


def test_a_mirror_takes_the_place_of_all_others() -> None:
    model = known("sensevoice")
    assert isinstance(place_of(model, ""), FirstOf)
    mirror = place_of(model, "https://mirror.example/models/")
    assert isinstance(mirror, WebPlace) and mirror.name == "https://mirror.example/models/sensevoice"
    assert isinstance(place_of(model, "/srv/models"), FolderPlace)


def test_an_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownModel, match="voice-zh"):
        known("sensvoice")
