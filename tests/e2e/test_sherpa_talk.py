"""A whole talk through sherpa-onnx: tiny models in the data folder, nothing set, microphone to loudspeaker."""

from __future__ import annotations

import json
from pathlib import Path

from contracts.audio import Pcm
from fakes import tiny_models
from fakes.spoken import RATE_HZ, pcm, say
from fakes.whole_server import whole_server
from sound.level import rms_dbfs
from sound.wav import read_sound, wav_bytes


def recording(folder: Path) -> str:
    path = folder / "question.wav"
    path.write_bytes(wav_bytes(Pcm(pcm(say("what time is it", "en-us")), RATE_HZ)))
    return str(path)


def test_models_in_the_data_folder_hear_and_speak(tmp_path: Path) -> None:
    models = tmp_path / "data" / "models"
    tiny_models.sense_voice(models / "sensevoice", tiny_models.SENTENCE, emotion="HAPPY")
    tiny_models.campplus(models / "campplus")
    tiny_models.vits(models / "voice-zh", "zh")
    tiny_models.vits(models / "voice-en", "en")
    out = tmp_path / "reply.wav"
    with whole_server(tmp_path) as server:
        [turn] = server.toy(recording(tmp_path), "--out", str(out))
        assert turn["stt"].lower().rstrip("?.") == tiny_models.SENTENCE
        assert turn["reply"]
        [row] = server.rows("SELECT * FROM turns")
        assert (row["recogniser"], row["voice"], row["outcome"]) == ("sherpa", "sherpa", "completed")
        assert row["emotion"] == "happy"
        assert "SenseVoice in" in server.log and "VITS in" in server.log
    reply = read_sound(out)
    assert reply.duration_ms > 500 and rms_dbfs(reply.data) > -40


def test_damaged_models_are_told_and_the_built_in_engines_talk(tmp_path: Path) -> None:
    models = tmp_path / "data" / "models"
    cut = tiny_models.sense_voice(models / "sensevoice") / "model.int8.onnx"
    cut.write_bytes(cut.read_bytes()[:100])
    (models / "voice-zh").mkdir()
    with whole_server(tmp_path) as server:
        degraded = " ".join(json.loads(server.get("/ready")[1])["degraded"])
        assert str(models / "sensevoice") in degraded and str(models / "voice-zh") in degraded
        [turn] = server.toy(recording(tmp_path))
        assert turn["reply"]
        [row] = server.rows("SELECT * FROM turns")
        assert (row["recogniser"], row["voice"], row["outcome"]) == ("pocketsphinx", "espeak", "completed")
