"""A FunASR runtime server: both manners of its kinds, streaming, and what its failures are called."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from asr_worker.engines.funasr_replies import Replies
from asr_worker.engines.funasr_server import Deadlines, FunasrServerTranscriber
from contracts.errors import EngineFailed, EngineTimeout, EngineUnavailable
from contracts.transcription import TranscriptionRequest
from engine_http.guard import guarded
from engine_http.knobs import Knobs
from fakes.funasr_server import FunasrServer, Hears

SECOND = bytes(32_000)
FRAME_BYTES = 1_920
REQUEST = TranscriptionRequest()
SOON = Deadlines(connect_s=1.0, answer_s=0.1, ping_s=0.2, settle_s=0.05)


@pytest.fixture
async def server() -> AsyncIterator[FunasrServer]:
    async with FunasrServer() as server, asyncio.timeout(30):
        yield server


async def heard(server: FunasrServer, sound: bytes = SECOND, **how: object) -> str:
    engine = FunasrServerTranscriber(server.url, **how)  # type: ignore[arg-type]
    work = engine.open(REQUEST)
    try:
        work.feed(sound)
        return (await work.finish()).text
    finally:
        await work.close()
        await engine.close()


async def test_the_server_is_told_what_comes_and_gets_frames_of_one_length(server: FunasrServer) -> None:
    server.say(Hears("开灯"))
    assert await heard(server, SECOND[:5_000], hotwords="知音 30，阿里巴巴") == "开灯"
    (greeting,) = server.greetings
    assert json.loads(greeting.pop("hotwords")) == {"知音": 30, "阿里巴巴": 20}
    assert greeting == {
        "mode": "2pass", "chunk_size": [5, 10, 5], "chunk_interval": 10, "wav_name": "utterance", "wav_format": "pcm",
        "audio_fs": 16_000, "is_speaking": True, "itn": True,
    }  # fmt: skip
    assert server.frames == [FRAME_BYTES] * 3, "the last one is filled up"
    assert server.protocols == ["binary"]


@pytest.mark.parametrize("mode", ["2pass", "offline"])
@pytest.mark.parametrize("manner", ["c++", "python"])
@pytest.mark.parametrize("segments", [(), ("what time", " is")])
async def test_both_kinds_of_server_are_understood(
    server: FunasrServer, mode: str, manner: str, segments: tuple[str, ...]
) -> None:
    server.say(Hears("it now", segments=segments, manner=manner))
    expected = "".join(segments) + (" it now" if segments else "it now")
    assert await heard(server, mode=mode) == expected


async def test_the_sound_goes_there_while_the_person_speaks(server: FunasrServer) -> None:
    engine = FunasrServerTranscriber(server.url)
    work = engine.open(REQUEST)
    work.feed(SECOND)
    await server.came.wait()
    assert not server.ended.is_set()
    await work.close()
    await server.gone.wait()
    await engine.close()


async def test_who_speaks_on_after_a_pause_is_heard_whole_again(server: FunasrServer) -> None:
    server.say(Hears("turn on"), Hears("turn on the light"))
    engine = FunasrServerTranscriber(server.url)
    work = engine.open(REQUEST)
    work.feed(SECOND)
    assert (await work.peek()).text == "turn on"
    work.feed(SECOND)
    assert (await work.finish()).text == "turn on the light"
    assert [len(sound) // len(SECOND) for sound in server.sounds] == [1, 2]
    await work.close()
    await engine.close()


async def test_a_withdrawn_question_leaves_the_utterance_whole(server: FunasrServer) -> None:
    server.say(Hears(hang=True), Hears("all of it"))
    engine = FunasrServerTranscriber(server.url)
    work = engine.open(REQUEST)
    work.feed(SECOND)
    peek = asyncio.create_task(work.peek())
    await server.ended.wait()
    peek.cancel()
    await asyncio.gather(peek, return_exceptions=True)
    await server.gone.wait()
    work.feed(SECOND)
    assert (await work.finish()).text == "all of it"
    await work.close()
    await engine.close()


async def test_a_connection_that_breaks_in_mid_utterance_is_followed_by_another(server: FunasrServer) -> None:
    server.say(Hears(cut_after_bytes=FRAME_BYTES), Hears("all of it"))
    assert await heard(server) == "all of it"


async def test_a_server_that_breaks_every_connection_has_failed(server: FunasrServer) -> None:
    server.say(Hears(cut_after_bytes=FRAME_BYTES))
    with pytest.raises(EngineFailed, match=r"hung up|broke off"):
        await heard(server)


async def test_sound_without_words_is_no_failure_though_nothing_is_answered(server: FunasrServer) -> None:
    server.say(Hears("", manner="python"))
    assert await heard(server, deadlines=SOON) == ""
    server.say(Hears(""))
    assert await heard(server) == ""


async def test_a_server_that_hangs_is_told_from_one_that_heard_nothing(server: FunasrServer) -> None:
    server.say(Hears(hang=True))
    with pytest.raises(EngineTimeout, match="did not answer in time"):
        await heard(server, deadlines=SOON)


async def test_no_server_and_a_refusal_are_sentences(server: FunasrServer) -> None:
    knobs = Knobs.of_provider("Home")
    nobody = FunasrServerTranscriber("ws://127.0.0.1:9", knobs=knobs)
    with pytest.raises(EngineUnavailable, match="the address of the provider “Home”"):
        await nobody.warm()
    await nobody.close()
    server.status = 404
    with pytest.raises(EngineFailed, match="answered 404"):
        await heard(server)
    for address in ("nowhere", "ftp://host", "ws://"):
        with pytest.raises(EngineUnavailable, match="ws://host:10095"):
            FunasrServerTranscriber(address)


async def test_the_guard_of_addresses_also_guards_websockets(server: FunasrServer) -> None:
    with pytest.raises(EngineUnavailable, match="private network"):
        await heard(server, connector=guarded(private=False))
    assert server.greetings == []
    assert await heard(server, connector=guarded(private=True)) == "hello"


def test_tags_of_sense_voice_are_no_words() -> None:
    replies = Replies()
    replies.take({"mode": "2pass-offline", "text": "<|zh|><|NEUTRAL|><|Speech|><|withitn|>你好。", "is_final": True})
    assert (replies.text, replies.language) == ("你好。", "zh")


def test_words_of_pieces_do_not_run_together() -> None:
    replies = Replies()
    for piece in ("what", "time", "现在", "几点"):
        replies.take({"mode": "2pass-online", "text": piece, "is_final": False})
    assert replies.text == "what time现在几点"


@pytest.mark.parametrize("junk", [{}, {"text": 7}, {"text": None, "mode": 3}, {"mode": "2pass-online"}])
def test_junk_is_no_text(junk: dict[str, object]) -> None:
    replies = Replies()
    replies.take(junk)
    assert replies.text == ""
