"""A client of the ears keeps its sessions through whatever happens to the connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from asr_server.dispatch import Dispatch
from asr_server.hearing import LocalHearing
from asr_server.voice_activity import SileroModel
from contracts.audio import OpusFormat, OpusPacket
from contracts.errors import EngineUnavailable
from contracts.hearing import (
    HearingEvent,
    HearingFailed,
    HearingTimings,
    ListenMode,
    NothingHeard,
    OpenHearing,
    Pause,
    SpeechStarted,
    Utterance,
)
from contracts.hearing_wire import MAX_FRAME_BYTES, is_played, read_packets
from fakes.device_sound import packets
from fakes.hearing_home import LOOPBACK, HearingHome, hearing_home
from fakes.spoken import say, silence
from fakes.transcriber import Line, ScriptedTranscriber
from hearing_client import hearing as home
from hearing_client import session as session_of
from hearing_client.hearing import RemoteHearing

SENTENCE = packets(np.concatenate([silence(600), say("what time is it"), silence(600)]))
MIDDLE = 18
REQUEST = OpenHearing("s1", OpusFormat(), "en", endpointing="fixed:240")


class Told:
    """Collects events and waits for them."""

    def __init__(self) -> None:
        self.events: list[HearingEvent] = []
        self._news = asyncio.Event()

    def __call__(self, event: HearingEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def until(self, kind: type[HearingEvent], times: int = 1) -> HearingEvent:
        async with asyncio.timeout(20):
            while len(found := [event for event in self.events if isinstance(event, kind)]) < times:
                self._news.clear()
                await self._news.wait()
        return found[times - 1]


@asynccontextmanager
async def calling(url: str, token: str = "") -> AsyncIterator[RemoteHearing]:
    hearing = RemoteHearing(url, token)
    try:
        yield hearing
    finally:
        await hearing.close()


async def connected(server: HearingHome, sessions: int = 1) -> None:
    async with asyncio.timeout(20):
        while server.asr.counters.sessions < sessions:
            await asyncio.sleep(0.005)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives up in a third of a second what takes 5 s otherwise."""
    monkeypatch.setattr(session_of, "RECONNECT_S", 0.3)
    monkeypatch.setattr(home, "RECONNECT_S", 0.3)


async def as_told_in_process(mode: ListenMode) -> list[HearingEvent]:
    told = Told()
    session = await LocalHearing(Dispatch(ScriptedTranscriber()), SileroModel()).open(REQUEST, told)
    session.listen(mode)
    session.packets(SENTENCE)
    await told.until(Utterance)
    await session.close()
    return told.events


def timeless(events: list[HearingEvent]) -> list[HearingEvent]:
    """Without the times that a wall clock measured, and without the guesses, which depend on them."""
    plain = [replace(event, timings=HearingTimings()) if isinstance(event, Utterance) else event for event in events]
    return [event for event in plain if not isinstance(event, Pause)]


@pytest.mark.parametrize("mode", [ListenMode.AUTO, ListenMode.REALTIME])
async def test_a_connection_cut_in_mid_utterance_changes_no_event(mode: ListenMode) -> None:
    expected = await as_told_in_process(mode)
    async with hearing_home(ScriptedTranscriber()) as server, calling(server.url) as hearing:
        told = Told()
        session = await hearing.open(REQUEST, told)
        session.listen(mode)
        session.packets(SENTENCE[:MIDDLE])
        await told.until(SpeechStarted)
        server.cut()
        session.packets(SENTENCE[MIDDLE : MIDDLE + 3])
        async with asyncio.timeout(20):
            while not hearing.problem:
                await asyncio.sleep(0.001)
        session.packets(SENTENCE[MIDDLE + 3 :])
        await told.until(Utterance)
        assert timeless(told.events) == timeless(expected)


async def test_offsets_go_on_where_they_were_with_another_server() -> None:
    async with hearing_home(ScriptedTranscriber()) as server, calling(server.url) as hearing:
        told = Told()
        session = await hearing.open(REQUEST, told)
        session.listen(ListenMode.AUTO)
        session.packets(SENTENCE)
        first = await told.until(Utterance)
        await server.stop()
        await server.start()
        await connected(server)
        session.listen(ListenMode.AUTO)
        session.packets(SENTENCE)
        second = await told.until(Utterance, 2)
        assert isinstance(first, Utterance) and isinstance(second, Utterance)
        assert second.start_sample > first.end_sample


async def test_a_button_released_while_the_server_is_away_still_ends_the_utterance() -> None:
    async with hearing_home(ScriptedTranscriber()) as server, calling(server.url) as hearing:
        told = Told()
        session = await hearing.open(REQUEST, told)
        session.listen(ListenMode.MANUAL)
        session.packets(SENTENCE[:MIDDLE])
        await server.stop()
        session.packets(SENTENCE[MIDDLE:])
        session.stop()
        await server.start()
        await told.until(Utterance)
        assert [type(event) for event in told.events].count(Utterance) == 1


async def test_an_utterance_committed_but_not_yet_understood_is_asked_for_again() -> None:
    hold = asyncio.Event()
    async with hearing_home(ScriptedTranscriber(Line(hold=hold))) as server, calling(server.url) as hearing:
        told = Told()
        session = await hearing.open(REQUEST, told)
        session.listen(ListenMode.AUTO)
        session.packets(SENTENCE)
        await told.until(SpeechStarted)
        await server.stop()
        hold.set()
        await server.start()
        await told.until(Utterance)
        assert [type(event) for event in told.events if not isinstance(event, Pause)] == [SpeechStarted, Utterance]


async def test_what_was_reset_is_not_heard_again_after_a_reconnect() -> None:
    async with hearing_home(ScriptedTranscriber()) as server, calling(server.url) as hearing:
        told = Told()
        session = await hearing.open(REQUEST, told)
        session.listen(ListenMode.AUTO)
        session.packets(SENTENCE[:MIDDLE])
        session.reset()
        await server.stop()
        await server.start()
        await connected(server)
        session.listen(ListenMode.MANUAL)
        session.packets(packets(silence(300)))
        session.stop()
        assert isinstance(await told.until(NothingHeard), NothingHeard)
        assert [type(event) for event in told.events] == [NothingHeard]


async def test_a_server_gone_for_good_fails_each_listen_until_it_is_back(impatient: None) -> None:
    async with hearing_home(ScriptedTranscriber()) as server, calling(server.url) as hearing:
        told = Told()
        session = await hearing.open(REQUEST, told)
        session.listen(ListenMode.AUTO)
        await server.stop()
        failed = await told.until(HearingFailed)
        assert isinstance(failed, HearingFailed)
        assert failed.code == "engine_unavailable" and server.url in failed.message
        session.listen(ListenMode.MANUAL)
        await told.until(HearingFailed, 2)
        await server.start()
        await connected(server)
        session.listen(ListenMode.AUTO)
        session.packets(SENTENCE)
        await told.until(Utterance)


async def test_a_session_opens_without_a_server_and_says_so_when_somebody_talks(impatient: None) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
    async with calling(f"ws://{LOOPBACK}:{port}/hearing") as hearing:
        told = Told()
        session = await hearing.open(REQUEST, told)
        session.listen(ListenMode.MANUAL)
        failed = await told.until(HearingFailed)
        assert isinstance(failed, HearingFailed) and failed.code == "engine_unavailable"


async def test_a_listen_that_goes_on_by_itself_fails_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_of, "RECONNECT_S", 0.01)
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
    async with calling(f"ws://{LOOPBACK}:{port}/hearing") as hearing:
        told = Told()
        session = await hearing.open(REQUEST, told)
        loop = asyncio.get_running_loop()
        waits = []
        for count in range(1, 5):
            began_s = loop.time()
            session.listen(ListenMode.AUTO)
            await told.until(HearingFailed, count)
            waits.append(loop.time() - began_s)
        assert waits[3] >= 0.08  # a lower bound only: 0.01 doubled three times


async def test_the_token_is_asked_of_whoever_is_not_on_this_machine(impatient: None) -> None:
    server = HearingHome(ScriptedTranscriber(), "right", trust_this_machine=False)
    await server.start()
    try:
        for token in ("", "wrong"):
            async with calling(server.url, token) as hearing:
                await hearing.warm()
                assert "refused the internal token" in hearing.problem
        async with calling(server.url, "right") as hearing:
            await hearing.warm()
            assert hearing.problem == "" and hearing.name == "scripted"
    finally:
        await server.stop()


async def test_a_host_that_can_be_none_is_a_sentence_and_apologies(impatient: None) -> None:
    async with calling("ws://no..host:1/hearing") as hearing:
        told = Told()
        session = await hearing.open(REQUEST, told)
        session.listen(ListenMode.MANUAL)
        await told.until(HearingFailed)
        assert "host's name cannot be one" in hearing.problem


async def test_a_recogniser_that_is_not_there_is_refused_by_name() -> None:
    async with hearing_home(ScriptedTranscriber()) as server, calling(server.url) as hearing:
        with pytest.raises(EngineUnavailable, match="no recogniser 'whale'"):
            await hearing.open(OpenHearing("s1", OpusFormat(), recogniser="whale"), Told())
        with pytest.raises(EngineUnavailable, match="endpointing"):
            await hearing.open(OpenHearing("s1", OpusFormat(), endpointing="fixed:0"), Told())


async def test_one_connection_carries_every_session_to_its_own_listener() -> None:
    async with hearing_home(ScriptedTranscriber(shared=True)) as server, calling(server.url) as hearing:
        listeners = [Told() for _ in range(5)]
        sessions = [await hearing.open(REQUEST, told) for told in listeners]
        for session in sessions[1:]:
            session.listen(ListenMode.AUTO)
            session.packets(SENTENCE)
        for told in listeners[1:]:
            await told.until(Utterance)
        assert listeners[0].events == []
        assert server.asr.counters.connections == 1
        await sessions[0].close()
        async with asyncio.timeout(20):
            while server.asr.counters.sessions != 4:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def impostor(play: Callable[[ServerConnection], object]) -> AsyncIterator[str]:
    async def handle(connection: ServerConnection) -> None:
        await play(connection)  # type: ignore[misc]

    async with serve(handle, LOOPBACK, 0, close_timeout=0.1) as server:
        yield f"ws://{LOOPBACK}:{next(iter(server.sockets)).getsockname()[1]}/hearing"


@pytest.mark.parametrize(
    "junk",
    ["no json", '{"type":"later"}', '{"type":"opened","session":1}', b"\0\0\0\1", "x" * (MAX_FRAME_BYTES + 1)],
    ids=["no-json", "unknown", "no-hello", "binary", "too-large"],
)
async def test_a_server_that_talks_junk_is_no_ears(junk: str | bytes, impatient: None) -> None:
    async def play(connection: ServerConnection) -> None:
        await connection.send(junk)
        await connection.wait_closed()

    async with impostor(play) as url, calling(url) as hearing:
        told = Told()
        session = await hearing.open(REQUEST, told)
        session.listen(ListenMode.MANUAL)
        assert isinstance(await told.until(HearingFailed), HearingFailed)
        assert hearing.problem


async def test_a_server_that_reads_nothing_is_given_up(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "MAX_WAITING_BYTES", 100_000)
    came: list[ServerConnection] = []

    async def play(connection: ServerConnection) -> None:
        came.append(connection)
        await connection.send('{"type":"hello","recogniser":"deaf"}')
        await connection.send('{"type":"opened","session":1}')
        connection.transport.pause_reading()  # type: ignore[attr-defined]
        await connection.wait_closed()

    async with impostor(play) as url, calling(url) as hearing:
        session = await hearing.open(REQUEST, Told())
        session.listen(ListenMode.REALTIME)
        async with asyncio.timeout(20):
            while len(came) < 2:
                session.packets([OpusPacket(b"\x58" * 1000)] * 100)
                await asyncio.sleep(0.005)


async def test_what_the_toy_plays_is_told_again_to_a_new_connection_and_no_more_than_it_can_hold() -> None:
    session = session_of.RemoteSession(
        7, replace(REQUEST, server_aec=True), lambda event: None, lambda frame: None, lambda number: None, lambda: ""
    )
    played = [OpusPacket(b"x", 60 * number) for number in range(1, 200)]
    for packet in played:
        session.played([packet])
    session.listen(ListenMode.REALTIME)
    session.packets([OpusPacket(b"y", 60)])
    frames = [frame for frame in session.connected() if isinstance(frame, bytes)]
    told = [packet for frame in frames if is_played(frame) for packet in read_packets(frame)[1]]
    assert told == played[-session_of.PLAYED_KEPT :]
    assert [is_played(frame) for frame in frames] == [True, True, False]  # the loudspeaker first
    await session.close()
