"""The acceptance talk: whole processes, built-in engines only, from a wav to a spoken answer and a stored turn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.audio import Pcm
from contracts.sentences import README_SENTENCES
from fakes.spoken import RATE_HZ, pcm, say, silence
from fakes.whole_server import WholeServer, whole_server
from sound.level import rms_dbfs
from sound.wav import read_sound, wav_bytes

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeServer]:
    with whole_server(tmp_path_factory.mktemp("home")) as running:
        yield running


def spoken(folder: Path, text: str, voice: str = "en-us") -> str:
    """A wav of the sentence, as somebody might record it: a little silence on both sides."""
    import numpy as np

    sound = np.concatenate([silence(300), say(text, voice), silence(200)])
    path = folder / (re.sub(r"\W+", "-", text) + ".wav")
    path.write_bytes(wav_bytes(Pcm(pcm(sound), RATE_HZ)))
    return str(path)


def test_a_spoken_question_is_heard_answered_spoken_and_kept(server: WholeServer, tmp_path: Path) -> None:
    out = tmp_path / "reply.wav"
    [turn] = server.toy(spoken(tmp_path, "what time is it"), "--out", str(out))
    assert turn["stt"].lower().rstrip("?.") == "what time is it"
    assert re.search(r"o'clock|noon|midnight|in the (morning|afternoon|evening)|at night", turn["reply"])
    assert turn["timing"]["early_packets"] == turn["timing"]["lost_packets"] == 0
    reply = read_sound(out)
    assert reply.duration_ms > 500 and rms_dbfs(reply.data) > -40
    [row] = server.rows("SELECT * FROM turns WHERE user_text LIKE '%time is it%'")
    assert row["outcome"] == "completed" and row["recogniser"] == "pocketsphinx" and row["voice"] == "espeak"
    assert row["heard_text"] == row["reply_text"] != ""
    for stage in (
        "speech",
        "silence",
        "transcribe",
        "first_token",
        "first_clause",
        "first_speech",
        "first_sound",
        "total",
    ):
        assert row[f"{stage}_ms"] is not None, f"{stage}_ms is missing"
    assert row["first_token_ms"] <= row["first_clause_ms"] <= row["first_speech_ms"] <= row["first_sound_ms"]


def test_a_spoken_command_reaches_the_toys_own_tool(server: WholeServer, tmp_path: Path) -> None:
    [turn] = server.toy(spoken(tmp_path, "set the volume to fifty"))
    [call] = [call for call in turn["tools"] if call["name"] == "self.audio_speaker.set_volume"]
    assert call["arguments"] == {"volume": 50}
    assert "fifty" in turn["reply"].lower() or "50" in turn["reply"]


def test_every_sentence_of_the_readme_is_understood(server: WholeServer, tmp_path: Path) -> None:
    paragraph = README.split("It knows these")[1].split("*")[1]
    assert [sentence.strip() for sentence in re.split(r"[·\n]+", paragraph) if sentence.strip()] == [*README_SENTENCES]
    for sentence in README_SENTENCES:
        [turn] = server.toy(spoken(tmp_path, sentence))
        assert re.sub(r"[^a-z ]", "", turn["stt"].lower()) == sentence


def test_several_turns_in_one_session_and_every_framing(server: WholeServer, tmp_path: Path) -> None:
    wavs = [spoken(tmp_path, "who are you"), spoken(tmp_path, "tell me a joke")]
    for framing in ("1", "2", "3"):
        turns = server.toy(*wavs, "--framing", framing)
        assert [turn["stt"].lower().rstrip("?.") for turn in turns] == ["who are you", "tell me a joke"]
        assert all(turn["reply"] for turn in turns)


def test_push_to_talk_and_realtime_toys_are_answered(server: WholeServer, tmp_path: Path) -> None:
    for mode in ("manual", "realtime"):
        [turn] = server.toy(spoken(tmp_path, "what time is it"), "--mode", mode)
        assert "time" in turn["stt"].lower() and turn["reply"]


def test_chinese_typed_is_answered_in_spoken_chinese(server: WholeServer, tmp_path: Path) -> None:
    out = tmp_path / "reply.wav"
    [turn] = server.toy("--text", "现在几点", "--out", str(out))
    assert turn["stt"] == "现在几点"
    assert re.search(r"[\u4e00-\u9fff]", turn["reply"])
    assert rms_dbfs(read_sound(out).data) > -40
    [turn] = server.toy("--text", "把音量调到五十")
    assert [call["arguments"] for call in turn["tools"] if call["name"] == "self.audio_speaker.set_volume"] == [
        {"volume": 50}
    ]


def test_a_board_that_boots_through_the_ota_address_of_an_open_server_talks(tmp_path: Path) -> None:
    with whole_server(tmp_path, claim="open") as server:
        [turn] = server.toy(
            "--text", "who are you", "--ota", f"{server.url}/xiaozhi/ota/", "--device-id", "02:00:00:00:00:09"
        )
        assert turn["reply"]
        assert server.rows("SELECT chip FROM devices WHERE device_id = '02:00:00:00:00:09'")
        assert "first owner" in server.log  # also where nobody needs an account


def test_the_server_tells_of_itself_and_never_of_anybodys_words(server: WholeServer) -> None:
    server.toy("--text", "sing about marmalade")
    status, body = server.get("/metrics")
    assert status == 200 and "zhiyin_" in body
    assert server.get("/health")[0] == 200
    assert "console" in server.log and "/xiaozhi/ota/" in server.log
    assert "marmalade" not in server.log and "marmalade" not in body


def test_a_toy_without_an_identity_is_refused_before_the_upgrade(server: WholeServer) -> None:
    import websockets.sync.client
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus) as refused:
        websockets.sync.client.connect(server.device_url)
    assert refused.value.response.status_code == 401
    assert b"Device-Id" in (refused.value.response.body or b"")


def test_the_server_stops_cleanly_and_keeps_what_was_said(tmp_path: Path) -> None:
    with whole_server(tmp_path) as running:
        running.toy("--text", "who are you")
        assert running.stop() == 0
        assert len(running.rows("SELECT * FROM turns")) == 1
    with whole_server(tmp_path) as again:  # the same folder, migrated already
        again.toy("--text", "who are you")
        assert len(again.rows("SELECT * FROM turns")) == 2
