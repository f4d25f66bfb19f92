"""Speaking over the toy, with real sound through a whole server: what stops a long reply and what does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from contracts.audio import Pcm
from fakes.spoken import RATE_HZ, Samples, noise, pcm, say, silence
from fakes.whole_server import WholeServer, whole_server
from sound.wav import wav_bytes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeServer]:
    with whole_server(tmp_path_factory.mktemp("home")) as running:
        yield running


def recording(folder: Path, name: str, sound: Samples) -> str:
    path = folder / f"{name}.wav"
    path.write_bytes(wav_bytes(Pcm(pcm(np.concatenate([sound, silence(200)])), RATE_HZ)))
    return str(path)


def over_a_story(server: WholeServer, path: str) -> list[dict]:  # type: ignore[type-arg]
    return server.toy("--text", "tell me a story", "--mode", "realtime", "--interrupt-after", "1500", path)


def last_stories(server: WholeServer) -> dict:  # type: ignore[type-arg]
    return server.rows("SELECT * FROM turns WHERE user_text = 'tell me a story' ORDER BY started_at DESC LIMIT 1")[0]


def count(server: WholeServer, outcome: str) -> float:
    _, metrics = server.get("/metrics")
    name = f'zhiyin_interruptions_total{{outcome="{outcome}"}} '
    return sum(float(line.removeprefix(name)) for line in metrics.splitlines() if line.startswith(name))


@pytest.mark.parametrize("sentence", ["please stop talking", "what time is it"])
def test_a_sentence_over_the_reply_stops_it_and_is_answered(server: WholeServer, tmp_path: Path, sentence: str) -> None:
    story, answer = over_a_story(server, recording(tmp_path, "sentence", say(sentence, "en-us")))
    assert answer["stt"].lower().rstrip(".?") == sentence and answer["reply"]
    row = last_stories(server)
    assert row["outcome"] == "interrupted"
    assert row["reply_text"].startswith(row["heard_text"]) and 0 < len(row["heard_text"]) < len(row["reply_text"])
    assert story["timing"]["early_packets"] == story["timing"]["lost_packets"] == 0


@pytest.mark.parametrize("sound", ["cough", "nod"])
def test_a_cough_and_a_nod_over_the_reply_cost_no_word_of_it(server: WholeServer, tmp_path: Path, sound: str) -> None:
    cough = np.concatenate([noise(80, -12, seed=1), silence(60), noise(120, -15, seed=2, pink=True)])
    confirmed = count(server, "confirmed")
    [story] = over_a_story(server, recording(tmp_path, sound, cough if sound == "cough" else say("uh huh", "en-us")))
    row = last_stories(server)
    assert row["outcome"] == "completed" and row["heard_text"] == row["reply_text"]
    assert story["timing"]["early_packets"] == story["timing"]["lost_packets"] == 0
    assert count(server, "confirmed") == confirmed
    if sound == "nod":
        assert count(server, "held") >= 1 and count(server, "resumed") >= 1
