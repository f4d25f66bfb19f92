"""The benchmark's stub engines answer as OpenAI-compatible ones do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from bench.stubs import FIRST_SENTENCE_TOKENS, SPEECH_RATE_HZ, StubEngines, name, reply_tokens

from toy.voice import carries_sound


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    server = await asyncio.get_running_loop().create_server(StubEngines, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, aiohttp.ClientSession(f"http://127.0.0.1:{port}/v1/") as session:
        yield session


async def test_a_transcription_is_json_text(client: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData({"model": "stub"})
    form.add_field("file", b"RIFF" + bytes(60_000), filename="said.wav")
    async with client.post("audio/transcriptions", data=form) as response:
        assert (await response.json())["text"].startswith("Tell me of the garden because")


async def test_a_reply_streams_its_tokens_and_ends(client: aiohttp.ClientSession) -> None:
    async with client.post("chat/completions", json={"stream": True, "messages": []}) as response:
        events = [line[6:] async for line in response.content if line.startswith(b"data: ")]
    assert events[-1].strip() == b"[DONE]"
    choices = [json.loads(event)["choices"][0] for event in events[:-1]]
    words = [choice["delta"]["content"] for choice in choices if choice["delta"]]
    assert len(words) == 40
    assert "".join(words[:FIRST_SENTENCE_TOKENS]).endswith(".")
    assert choices[-1]["finish_reason"] == "stop"


async def test_speech_is_as_long_as_its_text_and_sounds_from_the_first_frame(client: aiohttp.ClientSession) -> None:
    async with client.post("audio/speech", json={"input": "x" * 50, "response_format": "pcm"}) as response:
        pcm = await response.read()
    assert len(pcm) == 2 * SPEECH_RATE_HZ * 2
    assert carries_sound(pcm[:2880], SPEECH_RATE_HZ)


async def test_speech_as_wav_is_a_wav_of_unknown_length(client: aiohttp.ClientSession) -> None:
    async with client.post("audio/speech", json={"input": "hello", "response_format": "wav"}) as response:
        body = await response.read()
    assert body[:4] == b"RIFF"
    assert len(body) > 44


async def test_one_connection_serves_many_requests(client: aiohttp.ClientSession) -> None:
    for _ in range(3):
        async with client.get("models") as response:
            assert (await response.json())["data"][0]["id"] == "stub"


def test_no_sentence_is_ever_said_twice() -> None:
    assert "".join(reply_tokens()) != "".join(reply_tokens())
    assert len({name(number) for number in range(20_000)}) == 20_000
