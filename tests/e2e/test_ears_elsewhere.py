"""The talk with the ears in a process of their own, as `zhiyin serve` and `zhiyin asr-server`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from contracts.audio import OpusFormat, Pcm
from contracts.hearing import HearingEvent, ListenMode, OpenHearing, SpeechStarted, Utterance
from fakes.device_sound import packets
from fakes.spoken import RATE_HZ, pcm, say, silence
from fakes.whole_server import START_S, free_port, whole_server
from hearing_client import session as session_of_ears
from hearing_client.hearing import RemoteHearing
from sound.wav import wav_bytes

SOUND = np.concatenate([silence(300), say("what time is it"), silence(900)])


class Ears:
    """`zhiyin asr-server` on a port of its own; it may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/hearing"

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ZHIYIN_")}
        environment |= {"ZHIYIN_ASR_SERVER_PORT": str(self.port), "ZHIYIN_DATA_DIR": str(self.folder / "ears")}
        with (self.folder / "ears.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "main_server", "asr-server"],
                env=environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        give_up_s = time.monotonic() + START_S
        while time.monotonic() < give_up_s:
            assert self.process.poll() is None, (self.folder / "ears.txt").read_text()
            try:
                if self.get("/ready")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError("the ears did not become ready")

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def question(tmp_path: Path) -> str:
    """A wav of a sentence that the built-in recogniser knows."""
    path = tmp_path / "time.wav"
    path.write_bytes(wav_bytes(Pcm(pcm(SOUND), RATE_HZ)))
    return str(path)


def test_a_talk_goes_through_ears_in_another_process_and_survives_their_death(tmp_path: Path, question: str) -> None:
    ears = Ears(tmp_path)
    ears.start()
    try:
        with whole_server(tmp_path, hearing_url=ears.url) as server:
            [turn] = server.toy(question)
            assert turn["stt"] == "what time is it" and turn["reply"]
            assert 'zhiyin_hearing_events_total{kind="Utterance"} 1.0' in ears.get("/metrics")[1]
            assert server.rows("SELECT recogniser FROM turns")[-1]["recogniser"] == "pocketsphinx"

            ears.end(signal.SIGKILL)
            [turn] = server.toy(question)
            assert turn["reply"]
            assert server.rows("SELECT * FROM turns ORDER BY started_at")[-1]["error_code"] == "engine_unavailable"
            assert "cannot be reached" in server.get("/ready")[1]

            ears.start()
            [turn] = server.toy(question)
            assert turn["stt"] == "what time is it"
            assert server.rows("SELECT * FROM turns ORDER BY started_at")[-1]["outcome"] == "completed"
            assert "what time" not in server.log + (tmp_path / "ears.txt").read_text()
    finally:
        assert ears.end(signal.SIGTERM) == 0


async def test_an_utterance_survives_the_kill_of_the_ears_in_its_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_of_ears, "RECONNECT_S", START_S)  # a busy machine starts a server in more than 5 s
    ears = Ears(tmp_path)
    await asyncio.to_thread(ears.start)
    hearing = RemoteHearing(ears.url)
    events: asyncio.Queue[HearingEvent] = asyncio.Queue()
    try:
        session = await hearing.open(OpenHearing("s1", OpusFormat(), "en", endpointing="fixed:240"), events.put_nowait)
        session.listen(ListenMode.AUTO)
        sound = packets(SOUND)
        session.packets(sound[:15])
        async with asyncio.timeout(10):
            started = await events.get()
        assert isinstance(started, SpeechStarted)

        ears.end(signal.SIGKILL)
        session.packets(sound[15:])
        await asyncio.to_thread(ears.start)

        told = []
        async with asyncio.timeout(START_S):
            while not told or not isinstance(told[-1], Utterance):
                told.append(await events.get())
        assert told[-1].text == "what time is it"
        assert told[-1].start_sample == started.start_sample
        assert not any(isinstance(event, SpeechStarted) for event in told)
        await session.close()
        assert events.empty()
    finally:
        await hearing.close()
        ears.end(signal.SIGTERM)
