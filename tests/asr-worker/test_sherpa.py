"""SenseVoice, Paraformer and CAM++ on sherpa-onnx, on tiny models: found by their files, refused in a sentence."""

import asyncio
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asr_worker.engines.sherpa import SherpaTranscriber
from asr_worker.engines.sherpa_decoder import SherpaDecoder
from asr_worker.engines.sherpa_files import recogniser_files
from contracts.audio import Pcm
from contracts.errors import EngineUnavailable
from contracts.model_files import MODELS_DIR
from contracts.transcription import TranscriptionRequest, Voiceprint
from fakes import tiny_models
from fakes.worker_home import linked, worker_home

SOUND = np.random.default_rng(0).normal(0, 3000, 32_000).astype("<i2").tobytes()


def heard(models: Path, pcm: bytes = SOUND):
    return SherpaDecoder(models).decode(pcm, 16_000, "", lambda: False)


def file(path: Path, content: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


@pytest.mark.parametrize(("tag", "emotion"), [("HAPPY", "happy"), ("EMO_UNKNOWN", "")])
def test_sense_voice_tells_text_language_and_feeling(tmp_path, tag, emotion):
    tiny_models.sense_voice(tmp_path / "sensevoice", "good evening", language="zh", emotion=tag)
    transcript = heard(tmp_path)
    assert (transcript.text, transcript.language, transcript.emotion) == ("good evening", "zh", emotion)
    assert transcript.voiceprint is None


def test_paraformer_is_told_from_sense_voice_by_its_words(tmp_path):
    tiny_models.paraformer(tmp_path / "sensevoice", "现在几点")  # whatever the folder is called
    assert heard(tmp_path).text == "现在几点"


def test_whisper_tells_text_and_language(tmp_path):
    tiny_models.whisper(tmp_path / "whisper", "good evening")
    transcript = heard(tmp_path)
    assert (transcript.text, transcript.language) == ("good evening", "en")


def test_a_speaker_model_adds_a_voiceprint_of_length_one(tmp_path):
    tiny_models.sense_voice(tmp_path / "sensevoice")
    tiny_models.campplus(tmp_path / "campplus")
    vector = np.frombuffer(heard(tmp_path).voiceprint, "<f4")
    assert len(vector) == 80
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
    assert heard(tmp_path, SOUND[: 2 * 7000]).voiceprint is None, "too little speech to know anybody by"


@pytest.mark.parametrize("content", [b"not a model", b""])
def test_a_damaged_speaker_model_costs_only_the_voiceprints(tmp_path, content):
    tiny_models.sense_voice(tmp_path / "sensevoice")
    (tmp_path / "campplus").mkdir()
    (tmp_path / "campplus" / "campplus.onnx").write_bytes(content)
    transcript = heard(tmp_path)
    assert (transcript.text, transcript.voiceprint) == (tiny_models.SENTENCE, None)


def test_a_model_of_another_kind_is_no_speaker_model(tmp_path):
    tiny_models.sense_voice(tmp_path / "sensevoice")
    tiny_models.sense_voice(tmp_path / "campplus")
    assert heard(tmp_path).voiceprint is None


@pytest.mark.parametrize("samples", [0, 1, 159, 400, 1919])
def test_sound_shorter_than_a_frame_is_nothing_and_harms_nothing(tmp_path, samples):
    tiny_models.sense_voice(tmp_path / "sensevoice")
    assert heard(tmp_path, SOUND[: 2 * samples]).text == ""


def test_whisper_is_found_by_its_two_halves_and_int8_comes_first(tmp_path):
    for name in ("tiny-encoder.onnx", "tiny-encoder.int8.onnx", "tiny-decoder.int8.onnx", "tiny-tokens.txt"):
        file(tmp_path / "whisper" / name)
    files = recogniser_files(tmp_path)
    assert (files.kind, files.model.name, files.decoder.name) == (
        "Whisper",
        "tiny-encoder.int8.onnx",
        "tiny-decoder.int8.onnx",
    )


def test_no_folder_is_no_recogniser_and_no_complaint(tmp_path):
    assert recogniser_files(tmp_path) is None
    assert SherpaTranscriber.tried(tmp_path / "nowhere") == ""


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ((), "tokens.txt"),
        (("tokens.txt",), "model.int8.onnx"),
        (("tokens.txt", "model.int8.onnx.part"), "model.int8.onnx"),
        (("tokens.txt", "small-encoder.int8.onnx"), "decoder"),
    ],
)
def test_half_a_model_is_a_sentence_that_names_what_is_missing(tmp_path, names, sentence):
    (tmp_path / "sensevoice").mkdir()
    for name in names:
        file(tmp_path / "sensevoice" / name)
    with pytest.raises(EngineUnavailable, match=sentence) as refused:
        SherpaTranscriber.tried(tmp_path)
    assert str(tmp_path / "sensevoice") in str(refused.value)


def test_a_whole_model_is_tried_and_named(tmp_path):
    tiny_models.sense_voice(tmp_path / "sensevoice")
    assert SherpaTranscriber.tried(tmp_path) == f"SenseVoice in {tmp_path / 'sensevoice'}"


@pytest.mark.parametrize("harm", ["cut", "no metadata", "no words"])
def test_a_damaged_model_is_a_sentence_and_ends_no_process_of_ours(tmp_path, harm):
    folder = tiny_models.sense_voice(tmp_path / "sensevoice")
    model = folder / "model.int8.onnx"
    if harm == "cut":
        model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    elif harm == "no metadata":
        tiny_models.campplus(folder)
        (folder / "campplus.onnx").replace(model)
    else:
        (folder / "tokens.txt").write_text("<|zh|> zero\n", encoding="utf-8")
    with pytest.raises(EngineUnavailable, match="damaged") as refused:
        SherpaTranscriber.tried(tmp_path)
    assert str(folder) in str(refused.value)


async def test_voiceprint_and_feeling_come_through_from_the_child(tmp_path, monkeypatch):
    tiny_models.sense_voice(tmp_path / "sensevoice")
    tiny_models.campplus(tmp_path / "campplus")
    monkeypatch.setenv(MODELS_DIR, str(tmp_path))
    transcriber = SherpaTranscriber()
    work = transcriber.open(TranscriptionRequest())
    work.feed(SOUND)
    async with asyncio.timeout(30):
        transcript = await work.finish()
    assert (transcript.language, transcript.emotion) == ("en", "happy")
    assert len(transcript.voiceprint) == 4 * 80
    await work.close()
    await transcriber.close()


async def test_a_voiceprint_alone_is_the_one_of_an_utterance_and_names_its_encoder(tmp_path, monkeypatch):
    tiny_models.sense_voice(tmp_path / "sensevoice")
    tiny_models.campplus(tmp_path / "campplus")
    monkeypatch.setenv(MODELS_DIR, str(tmp_path))
    async with asyncio.timeout(60), worker_home(SherpaTranscriber()) as home:
        near, far = SherpaTranscriber(), linked(home)
        whole = await near.transcribe(Pcm(SOUND, 16_000), TranscriptionRequest())
        for transcriber in (near, far):
            assert await transcriber.voiceprint(Pcm(SOUND, 16_000)) == Voiceprint(whole.voiceprint, "campplus")
            assert await transcriber.voiceprint(Pcm(SOUND[:8_000], 16_000)) is None, "too little speech"
            await transcriber.close()


async def test_without_a_speaker_model_a_voiceprint_is_refused_in_a_sentence(tmp_path, monkeypatch):
    tiny_models.sense_voice(tmp_path / "sensevoice")
    monkeypatch.setenv(MODELS_DIR, str(tmp_path))
    transcriber = SherpaTranscriber()
    async with asyncio.timeout(30):
        with pytest.raises(EngineUnavailable, match="no speaker model"):
            await transcriber.voiceprint(Pcm(SOUND, 16_000))
    await transcriber.close()


def test_the_main_process_never_loads_the_recogniser():
    load = "import sys; from asr_worker.engines.sherpa import SherpaTranscriber as T; T()"
    script = load + "; print('sherpa_onnx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
