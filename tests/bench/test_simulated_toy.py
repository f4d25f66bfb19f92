"""The load's toy against scripted servers: it measures what it says it measures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from bench.simulated_toy import Log, SimulatedToy
from bench.utterance import Utterance, utterance
from bench.websocket_client import BINARY, TEXT, client_frame, take_frames

from fakes.scripted_server import Script, ScriptedTalk, scripted_server, silent_packets, tone_packets


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Utterance:
    path = tmp_path_factory.mktemp("bench") / "said.wav"
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 300 * np.arange(8_000) / 16_000), 16_000)
    return utterance(path)


@asynccontextmanager
async def toy_against(script: Script, spoken: Utterance, **server: object) -> AsyncIterator[Log]:
    log = Log()
    async with scripted_server(script, **server) as one:  # type: ignore[arg-type]
        port = urlsplit(one.url).port or 0
        toy = SimulatedToy("127.0.0.1", port, "/xiaozhi/v1/", "02:00:00:00:00:01", spoken, log)
        await toy.start()
        try:
            yield log
        finally:
            toy.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
        while not condition():
            await asyncio.sleep(0.02)


async def hear_the_sentence(talk: ScriptedTalk) -> None:
    """Until the pause before it and the sentence have been sent."""
    await talk.listen_started()
    await talk.expect_packets(25)


def test_the_utterance_ends_where_its_voice_does(spoken: Utterance) -> None:
    assert spoken.voice_ends_frame * 0.06 + spoken.voice_ends_s == pytest.approx(0.5, abs=0.01)
    assert len(spoken.frames) == 9


async def test_the_first_sound_is_measured_and_padding_is_not(spoken: Utterance) -> None:
    async def script(talk: ScriptedTalk) -> None:
        await hear_the_sentence(talk)
        await talk.send({"type": "stt", "text": "hello"})
        await talk.send({"type": "tts", "state": "start"})
        await talk.send_packets(*silent_packets(2))
        await talk.mcp(1, "tools/list")
        await talk.send_packets(*tone_packets(2))
        await talk.send({"type": "tts", "state": "stop"})
        await talk.until_closed()

    async with toy_against(script, spoken) as log:
        await until(lambda: bool(log.turns))
    (turn,) = log.turns
    assert turn.voice_ended_s < turn.stt_s <= turn.first_packet_s < turn.first_sound_s
    assert (turn.packets, turn.underruns) == (4, 0)


async def test_after_a_reply_the_toy_listens_and_speaks_again(spoken: Utterance) -> None:
    async def script(talk: ScriptedTalk) -> None:
        seen = 0
        while True:
            await talk.listen_started(after=seen)
            await talk.expect_packets(25, after=seen)
            seen = len(talk.heard)
            await talk.speak(*tone_packets(2))

    async with toy_against(script, spoken) as log:
        await until(lambda: len(log.turns) == 2)
    assert not log.failures


async def test_a_refusal_and_a_lost_connection_are_failures(spoken: Utterance) -> None:
    async def hang_up(talk: ScriptedTalk) -> None:
        await talk.connection.close()

    async with toy_against(hang_up, spoken) as log:
        await until(lambda: bool(log.failures))
    assert list(log.failures) == ["the server closed the connection"]
    async with toy_against(hang_up, spoken, refuse=401) as log:
        await until(lambda: bool(log.failures))
    assert "401" in next(iter(log.failures))


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_frames_of_every_length_are_taken_whole_and_in_pieces(size: int) -> None:
    masked = client_frame(BINARY, bytes(size))
    # What a server sends is the same without the mask bit and its key.
    head = len(masked) - size - 4
    frame = bytes([masked[0], masked[1] & 0x7F]) + masked[2:head] + bytes(size)
    stream, buffer, taken = frame + b"\x81\x02hi", bytearray(), []
    for begin in range(0, len(stream), 1000):
        buffer += stream[begin : begin + 1000]
        taken += take_frames(buffer)
    assert taken == [(BINARY, bytes(size)), (TEXT, b"hi")]
    assert not buffer
