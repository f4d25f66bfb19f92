"""Deepgram's live API: what is asked, when it is told to decide, and what its failures are called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from asr_worker.engines.deepgram import Deadlines, DeepgramTranscriber
from asr_worker.engines.deepgram_results import Results
from contracts.errors import EngineBusy, EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.transcription import TranscriptionRequest
from engine_http.guard import guarded
from engine_http.knobs import Knobs
from fakes.deepgram_server import DeepgramServer, Hears

SECOND = bytes(32_000)
KEY = "dg-very-secret"
REQUEST = TranscriptionRequest()


@pytest.fixture
async def server() -> AsyncIterator[DeepgramServer]:
    async with DeepgramServer() as server, asyncio.timeout(30):
        yield server


@pytest.fixture
async def engine(server: DeepgramServer) -> AsyncIterator[DeepgramTranscriber]:
    engine = DeepgramTranscriber(server.url, KEY, deadlines=Deadlines(flush_s=0.2, finish_s=0.5, keep_alive_s=0.05))
    yield engine
    await engine.close()


async def heard(engine: DeepgramTranscriber, request: TranscriptionRequest = REQUEST) -> str:
    work = engine.open(request)
    try:
        work.feed(SECOND)
        return (await work.finish()).text
    finally:
        await work.close()


async def test_what_is_asked_is_in_the_query_and_the_key_in_a_header(server: DeepgramServer) -> None:
    engine = DeepgramTranscriber(server.url, KEY, options={"smart_format": True, "keyterm": "Zhiyin"})
    server.say(Hears("hello there", language="en"))
    assert await heard(engine, TranscriptionRequest(language="zh-CN")) == "hello there"
    assert server.queries[0] == {
        "model": "nova-3", "language": "zh-CN", "encoding": "linear16", "sample_rate": "16000", "channels": "1",
        "interim_results": "true", "punctuate": "true", "smart_format": "true", "keyterm": "Zhiyin",
    }  # fmt: skip
    assert server.headers[0]["Authorization"] == f"Token {KEY}"
    assert bytes(server.sounds[0]) == SECOND
    assert server.messages == ["CloseStream"]
    await heard(engine)
    assert server.queries[1]["language"] == "multi"
    await engine.close()


async def test_a_pause_has_it_decide_and_the_stream_goes_on(
    server: DeepgramServer, engine: DeepgramTranscriber
) -> None:
    server.say(Hears("turn on the light"))
    work = engine.open(REQUEST)
    work.feed(SECOND)
    assert (await work.peek()).text == "turn on the light"
    work.feed(SECOND)
    assert (await work.finish()).text == "turn on the light"
    await work.close()
    assert [each for each in server.messages if each != "KeepAlive"] == ["Finalize", "CloseStream"]
    assert len(server.sounds) == 1 and len(server.sounds[0]) == 2 * len(SECOND)


async def test_silence_between_two_pieces_is_bridged(server: DeepgramServer, engine: DeepgramTranscriber) -> None:
    work = engine.open(REQUEST)
    work.feed(SECOND)
    await server.kept_alive.wait()
    assert (await work.finish()).text == "hello"
    await work.close()


async def test_where_nothing_is_left_to_decide_what_is_known_is_the_text(
    server: DeepgramServer, engine: DeepgramTranscriber
) -> None:
    server.say(Hears("hello there", quiet=True))
    work = engine.open(REQUEST)
    work.feed(SECOND)
    assert (await work.peek()).text == "hello", "the draft of the first half second"
    await work.close()
    await server.gone.wait()


async def test_a_server_that_says_nothing_has_a_deadline(server: DeepgramServer, engine: DeepgramTranscriber) -> None:
    server.say(Hears(hang=True))
    work = engine.open(REQUEST)
    work.feed(SECOND)
    with pytest.raises(EngineTimeout):
        await work.peek()
    with pytest.raises(EngineTimeout):
        await work.finish()
    await work.close()


async def test_a_connection_that_breaks_is_followed_by_another(
    server: DeepgramServer, engine: DeepgramTranscriber
) -> None:
    server.say(Hears(cut=True), Hears("all of it"))
    work = engine.open(REQUEST)
    work.feed(SECOND)
    await server.came.wait()
    assert (await work.finish()).text == "all of it"
    assert bytes(server.sounds[1]) == SECOND
    await work.close()


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, EngineUnavailable, "refuses the key; check the key of the provider “Home”"),
        (402, EngineUnavailable, "no credit"),
        (429, EngineBusy, "full"),
        (400, EngineFailed, "check its model and language"),
        (500, EngineFailed, "a fault of its own"),
    ],
)
async def test_refusals_are_sentences_without_the_key(
    server: DeepgramServer, status: int, kind: type[EngineError], said: str
) -> None:
    engine = DeepgramTranscriber(server.url, KEY, knobs=Knobs.of_provider("Home"))
    server.status = server.models_status = status
    with pytest.raises(kind, match=said) as raised:
        await heard(engine)
    assert KEY not in str(raised.value)
    if status == 401:
        with pytest.raises(EngineUnavailable, match=said):
            await engine.warm()
    await engine.close()


async def test_the_code_of_a_hang_up_is_told_and_nothing_else_of_it(
    server: DeepgramServer, engine: DeepgramTranscriber
) -> None:
    server.say(Hears(close_with=(1008, f"DATA-0000 you said {KEY}")))
    with pytest.raises(EngineFailed, match=r"hung up \(DATA-0000\)|broke off") as raised:
        await heard(engine)
    assert KEY not in str(raised.value)


async def test_the_guard_of_addresses_guards_it_too(server: DeepgramServer) -> None:
    engine = DeepgramTranscriber(server.url, KEY, connector=guarded(private=False))
    with pytest.raises(EngineUnavailable, match="private network"):
        await heard(engine)
    assert server.queries == []
    await engine.close()


def test_a_key_or_an_address_that_cannot_be_used_is_told() -> None:
    with pytest.raises(EngineUnavailable, match="holds characters"):
        DeepgramTranscriber(key="ключ")
    with pytest.raises(EngineUnavailable, match="not one of the kind"):
        DeepgramTranscriber("nowhere")


@pytest.mark.parametrize(
    "junk", [{}, {"type": "Results"}, {"type": "Results", "channel": {"alternatives": [7]}}, {"type": 3}]
)
def test_junk_is_no_text(junk: dict[str, object]) -> None:
    results = Results()
    results.take(junk)
    assert results.text == ""
