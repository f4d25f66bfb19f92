"""asr-server's socket against clients that do as they please."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from asr_server import hearing_socket
from contracts.audio import OpusFormat
from contracts.errors import EngineUnavailable
from contracts.hearing import ListenMode, OpenHearing
from contracts.hearing_wire import (
    MAX_FRAME_BYTES,
    Listen,
    Open,
    Opened,
    Refused,
    Report,
    Reset,
    Told,
    command_text,
    packet_frames,
    read_report,
)
from fakes.device_sound import packets
from fakes.hearing_home import HearingHome, hearing_home
from fakes.spoken import say, silence
from fakes.transcriber import ScriptedTranscriber

SENTENCE = packets(np.concatenate([silence(600), say("what time is it"), silence(600)]))
REQUEST = OpenHearing("s1", OpusFormat(), "en", endpointing="fixed:240")


@asynccontextmanager
async def client(server: HearingHome, **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(server.url, compression=None, proxy=None, **options) as connection:
        await connection.recv()  # hello
        yield connection


async def report(connection: ClientConnection) -> Report:
    async with asyncio.timeout(10):
        text = await connection.recv()
    assert isinstance(text, str)
    return read_report(text)


@pytest.mark.parametrize(
    "junk",
    ["hello", "[]", '{"type":"open"}', '{"type":"stop","session":-1}', b"", b"\0\0\0\1\0\0\0\0\0\7opus", b"\0\0\0\1\0"],
)
async def test_junk_ends_the_connection_and_no_other(junk: str | bytes) -> None:
    async with hearing_home(ScriptedTranscriber()) as server, client(server) as good, client(server) as bad:
        await bad.send(command_text(Open(1, REQUEST)))
        assert await report(bad) == Opened(1)
        await bad.send(junk)
        with pytest.raises(ConnectionClosed) as closed:
            await report(bad)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1003
        await good.send(command_text(Open(1, REQUEST)))
        assert await report(good) == Opened(1)
        async with asyncio.timeout(10):
            while server.asr.counters.connections > 1:
                await asyncio.sleep(0.005)
        assert (server.asr.counters.junk, server.asr.counters.sessions) == (1, 1)


async def test_a_frame_beyond_the_limit_ends_the_connection() -> None:
    async with hearing_home(ScriptedTranscriber()) as server, client(server) as connection:
        with pytest.raises(ConnectionClosed):
            await connection.send(bytes(MAX_FRAME_BYTES + 1))
            await report(connection)


async def test_commands_for_a_session_that_is_not_open_do_nothing() -> None:
    async with hearing_home(ScriptedTranscriber()) as server, client(server) as connection:
        await connection.send(command_text(Reset(9)))
        for frame in packet_frames(9, SENTENCE):
            await connection.send(frame)
        await connection.send(command_text(Open(9, REQUEST)))
        assert await report(connection) == Opened(9)


async def test_offsets_begin_where_the_client_says() -> None:
    async with hearing_home(ScriptedTranscriber()) as server, client(server) as connection:
        await connection.send(command_text(Open(1, REQUEST)))
        await connection.send(command_text(Listen(1, 7, ListenMode.AUTO, 1_000_000)))
        for frame in packet_frames(1, SENTENCE):
            await connection.send(frame)
        assert await report(connection) == Opened(1)
        started = await report(connection)
        assert isinstance(started, Told) and started.listen == 7
        assert started.event["start_sample"] > 1_000_000


async def test_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing_socket, "MAX_SESSIONS", 1)
    async with hearing_home(ScriptedTranscriber()) as server, client(server) as connection:
        for number in (1, 2):
            await connection.send(command_text(Open(number, REQUEST)))
        assert await report(connection) == Opened(1)
        refused = await report(connection)
        assert isinstance(refused, Refused) and refused.code == "engine_busy"


async def test_a_client_that_takes_no_reports_loses_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing_socket, "MAX_WAITING_REPORTS", 10)
    monkeypatch.setattr(hearing_socket, "MAX_SESSIONS", 0)  # every `open` is one more report
    async with hearing_home(ScriptedTranscriber()) as server:
        async with client(server, max_queue=1, close_timeout=0.1) as connection:
            with pytest.raises(ConnectionClosed):
                async with asyncio.timeout(60):
                    for number in range(1, 10**6):
                        await connection.send(command_text(Open(number, REQUEST)))
        async with asyncio.timeout(20):
            while server.asr.counters.connections:
                await asyncio.sleep(0.005)


async def test_a_web_page_and_a_stranger_are_refused() -> None:
    server = HearingHome(ScriptedTranscriber(), "right")
    await server.start()
    try:
        for headers in ({"Origin": "http://evil.example"}, {"X-Forwarded-For": "192.0.2.7"}):
            with pytest.raises(InvalidStatus) as refused:
                await connect(server.url, additional_headers=headers, proxy=None)
            assert refused.value.response.status_code == 401
            async with client(server, additional_headers={**headers, "Authorization": "Bearer right"}):
                assert server.asr.counters.connections == 1
            async with asyncio.timeout(10):
                while server.asr.counters.connections:
                    await asyncio.sleep(0.005)
    finally:
        await server.stop()


async def test_ready_says_whether_the_recogniser_is_there() -> None:
    class Absent(ScriptedTranscriber):
        async def warm(self) -> None:
            raise EngineUnavailable("no model here", engine="scripted")

    for transcriber, status, reason in ((ScriptedTranscriber(), 200, ""), (Absent(), 503, "no model here")):
        async with hearing_home(transcriber) as server, httpx.AsyncClient(trust_env=False) as http:
            base = f"http://127.0.0.1:{server.port}"
            assert (await http.get(f"{base}/ready")).status_code == 503
            warming = asyncio.create_task(server.asr.warming.keep())
            await asyncio.sleep(0)
            answer = await http.get(f"{base}/ready")
            warming.cancel()
            assert (answer.status_code, answer.json()["reason"]) == (status, reason)
            assert (await http.get(f"{base}/health")).json()["status"] == "ok"
            assert "zhiyin_hearing_sessions 0.0" in (await http.get(f"{base}/metrics")).text
            elsewhere = await http.get(f"{base}/metrics", headers={"X-Forwarded-For": "192.0.2.7"})
            assert elsewhere.status_code == 403
