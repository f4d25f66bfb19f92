"""The loopback transport: token first, bounded frames, many requests at once, cancelling, and what a loss means."""

import asyncio
import json
import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from contracts import loopback
from contracts.errors import EngineBusy, EngineFailed, EngineUnavailable
from contracts.loopback import (
    MAX_FRAME_BYTES,
    MAX_HELLO_BYTES,
    MAX_REQUESTS,
    MAX_UNREAD_FRAMES,
    Answer,
    Frame,
    LoopbackClient,
    LoopbackServer,
    encode,
)

TOKEN = "the token"


class Scripted:
    """A handler that echoes, waits for `gate`, or fails, as its kind says."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.waiting = 0
        self.cancelled = asyncio.Event()

    async def count(self, request: Frame) -> AsyncGenerator[Frame, None]:
        """Frames 0, 1, 2...; after `until` of them it ends, fails, or waits to be closed."""
        try:
            for number in range(request.fields["until"]):
                yield Frame({"number": number}, b"piece")
            if request.fields["then"] == "busy":
                raise EngineBusy("full", engine="it")
            if request.fields["then"] == "wait":
                await self.gate.wait()
        finally:
            self.cancelled.set()

    async def handle(self, kind: str, request: Frame) -> Answer:
        match kind:
            case "count":
                return self.count(request)
            case "echo":
                return request
            case "wait":
                self.waiting += 1
                try:
                    await self.gate.wait()
                except asyncio.CancelledError:
                    self.cancelled.set()
                    raise
                return Frame({"waited": True})
            case "busy":
                raise EngineBusy("full", engine="it")
            case "huge":
                return Frame(body=bytes(MAX_FRAME_BYTES))
        raise RuntimeError("a bug that quotes what was said")


@pytest.fixture
def scripted():
    return Scripted()


@pytest.fixture
async def port(scripted):
    server = LoopbackServer(scripted.handle, TOKEN)
    yield await server.start()
    await server.close()


@pytest.fixture
async def client(port):
    client = await LoopbackClient.connect(port, TOKEN, engine="it")
    yield client
    await client.close()


@pytest.fixture(autouse=True)
async def deadline():
    async with asyncio.timeout(20):
        yield


async def test_fields_and_body_come_back_as_they_were(client):
    answer = await client.request("echo", {"language": "中文", "n": 1}, b"\x00\xff" * 1000)
    assert (dict(answer.fields), answer.body) == ({"language": "中文", "n": 1}, b"\x00\xff" * 1000)


async def test_a_quick_request_overtakes_a_slow_one(client, scripted):
    slow = asyncio.create_task(client.request("wait"))
    await client.request("echo")
    assert not slow.done()
    scripted.gate.set()
    assert (await slow).fields == {"waited": True}


async def test_errors_keep_their_kind_and_bugs_become_failures(client):
    with pytest.raises(EngineBusy, match="full") as raised:
        await client.request("busy")
    assert raised.value.engine == "it"
    with pytest.raises(EngineFailed, match="RuntimeError"):
        await client.request("a bug")
    with pytest.raises(EngineFailed, match="too long"):
        await client.request("huge")
    await client.request("echo")


async def test_a_bug_is_logged_where_it_happened_with_its_place_and_without_its_words(client, caplog):
    with pytest.raises(EngineFailed):
        await client.request("a bug")
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "'a bug' failed unexpectedly: RuntimeError at" in record.getMessage()
    assert "test_loopback.py:" in record.getMessage()
    assert "what was said" not in caplog.text
    with pytest.raises(EngineBusy):
        await client.request("busy")
    assert len(caplog.records) == 1


async def test_cancelling_a_request_cancels_the_work(client, scripted):
    work = asyncio.create_task(client.request("wait"))
    while not scripted.waiting:
        await asyncio.sleep(0)
    work.cancel()
    await scripted.cancelled.wait()
    await client.request("echo")


async def test_too_many_requests_are_refused_and_the_others_go_on(client, scripted):
    work = [asyncio.create_task(client.request("wait")) for _ in range(MAX_REQUESTS)]
    while scripted.waiting < MAX_REQUESTS:
        await asyncio.sleep(0)
    with pytest.raises(EngineBusy):
        await client.request("echo")
    scripted.gate.set()
    assert len(await asyncio.gather(*work)) == MAX_REQUESTS


async def test_a_wrong_token_gets_no_answer(port):
    client = await LoopbackClient.connect(port, "another", engine="it")
    with pytest.raises(EngineUnavailable):
        await client.request("echo")
    assert client.lost and client.token_refused
    await client.close()


async def test_who_has_not_shown_the_token_cannot_send_much(port, client):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(struct.pack(">II", 20, MAX_HELLO_BYTES))  # and no more: the length alone is refused
    assert await _rest(reader) == b""  # not even the answer to a wrong token, which would come once it is read
    writer.close()
    await client.request("echo")


async def test_one_connection_too_many_is_closed_and_the_others_go_on(port, client, monkeypatch):
    monkeypatch.setattr(loopback, "MAX_CONNECTIONS", 1)
    await client.request("echo")
    late = await LoopbackClient.connect(port, TOKEN, engine="it")
    with pytest.raises(EngineUnavailable):
        await late.request("echo")
    assert not late.token_refused
    await late.close()
    await client.request("echo")


async def test_callers_without_a_token_keep_nobody_out(port, client, monkeypatch):
    monkeypatch.setattr(loopback, "MAX_STRANGERS", 2)
    strangers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    assert await _rest(strangers[0][0]) == b""  # the oldest has made room, long before its time for a token was over
    late = await LoopbackClient.connect(port, TOKEN, engine="it")
    await late.request("echo")
    await client.request("echo")
    await late.close()
    for _, writer in strangers:
        writer.close()


async def test_a_server_that_drains_answers_what_it_has_and_refuses_what_comes(scripted):
    server = LoopbackServer(scripted.handle, TOKEN)
    client = await LoopbackClient.connect(await server.start(), TOKEN, engine="it")
    work = asyncio.create_task(client.request("wait"))
    while not scripted.waiting:
        await asyncio.sleep(0)
    draining = asyncio.create_task(server.drain(10))
    await asyncio.sleep(0)
    with pytest.raises(EngineUnavailable, match="stopped"):
        await client.request("echo")
    scripted.gate.set()
    assert (await work).fields == {"waited": True}
    await draining
    await server.close()
    await client.close()


@pytest.mark.parametrize(
    "junk",
    [
        struct.pack(">II", MAX_FRAME_BYTES, 1),
        struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFFF),
        struct.pack(">II", 3, 0) + b"{x}",
        struct.pack(">II", 2, 0) + b"[]",
        struct.pack(">II", 90_000, 0) + b"[" * 90_000,
        encode({"kind": "echo"}),
        encode({"id": "one", "kind": "echo"}),
    ],
)
async def test_junk_closes_its_connection_and_no_other(port, client, junk):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(encode({"token": TOKEN}) + junk)
    assert await _rest(reader) == b""
    writer.close()
    await client.request("echo")


async def test_a_lost_connection_fails_what_waits_and_what_comes_later(client, scripted):
    server = LoopbackServer(scripted.handle, TOKEN)
    lost = await LoopbackClient.connect(await server.start(), TOKEN, engine="it")
    work = asyncio.create_task(lost.request("wait"))
    while not scripted.waiting:
        await asyncio.sleep(0)
    await server.close()
    with pytest.raises(EngineUnavailable):
        await work
    with pytest.raises(EngineUnavailable):
        await lost.request("echo")
    await lost.close()


async def test_a_client_that_leaves_takes_its_work_along(port, scripted):
    client = await LoopbackClient.connect(port, TOKEN, engine="it")
    work = asyncio.create_task(client.request("wait"))
    while not scripted.waiting:
        await asyncio.sleep(0)
    await client.close()
    await scripted.cancelled.wait()
    with pytest.raises(EngineUnavailable):
        await work


async def test_a_frame_over_the_limit_is_refused_before_it_is_sent(client):
    with pytest.raises(EngineFailed, match="too long"):
        await client.request("echo", body=bytes(MAX_FRAME_BYTES))
    await client.request("echo")


def test_a_frame_is_two_lengths_a_json_header_and_a_body():
    frame = encode({"id": 1}, b"body")
    header_bytes, body_bytes = struct.unpack(">II", frame[:8])
    assert json.loads(frame[8 : 8 + header_bytes]) == {"id": 1}
    assert frame[8 + header_bytes :] == b"body"
    assert body_bytes == 4


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""  # the other side aborted, which is what we want to see


async def numbers(client: LoopbackClient, until: int, then: str) -> AsyncGenerator[int, None]:
    async with aclosing(client.stream("count", {"until": until, "then": then})) as frames:
        async for frame in frames:
            assert frame.body == b"piece"
            yield frame.fields["number"]


async def test_a_streamed_answer_comes_in_order_beside_other_requests(client):
    one, other = numbers(client, 50, "end"), numbers(client, 3, "end")
    assert await anext(one) == 0
    assert [number async for number in other] == [0, 1, 2]
    assert (await client.request("echo", {"a": 1})).fields == {"a": 1}
    assert [number async for number in one] == list(range(1, 50))


async def test_leaving_a_streamed_answer_stops_the_work(client, scripted):
    stream = numbers(client, 2, "wait")
    assert [await anext(stream), await anext(stream)] == [0, 1]
    assert not scripted.cancelled.is_set()
    await stream.aclose()
    async with asyncio.timeout(5):
        await scripted.cancelled.wait()


async def test_an_error_in_mid_stream_comes_after_what_was_made(client):
    came = []
    with pytest.raises(EngineBusy):
        async for number in numbers(client, 3, "busy"):
            came.append(number)
    assert came == [0, 1, 2]


async def test_a_lost_connection_ends_a_streamed_answer(client):
    stream = numbers(client, 1, "wait")
    await anext(stream)
    client.abort()
    with pytest.raises(EngineUnavailable):
        await anext(stream)


async def test_a_streamed_answer_that_nobody_takes_is_broken_off(client, scripted):
    stream = numbers(client, MAX_UNREAD_FRAMES * 4, "wait")
    await anext(stream)
    async with asyncio.timeout(5):
        while len(client._waiting) and not all(answer.done() for answer in client._waiting.values()):
            await asyncio.sleep(0.01)
    with pytest.raises(EngineFailed):
        async for _ in stream:
            pass
    async with asyncio.timeout(5):
        await scripted.cancelled.wait()
