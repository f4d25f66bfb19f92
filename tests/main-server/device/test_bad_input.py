"""What a peer can do wrong, over real sockets: it hurts nobody else, nothing of it comes back, and memory returns."""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from websockets.frames import Opcode

from fakes.device_client import DeviceClient, connected
from fakes.device_server import Stage, serving, until
from main_server.conversation.ports import CloseReason
from main_server.device.gate import OpenGate
from main_server.device.hub import DeviceHub, SocketLimits

SECRET = "xyzzy-what-somebody-said"
LIMITS = SocketLimits(close_s=0.3, stalled_s=0.3)


@asynccontextmanager
async def two_toys(limits: SocketLimits = LIMITS) -> AsyncIterator[tuple[DeviceClient, DeviceClient, Stage, DeviceHub]]:
    """A bad toy and a good one, both past their hello."""
    stage = Stage()
    hub = DeviceHub(OpenGate(), stage.open, limits=limits)
    async with serving(hub) as port, connected(port, device_id="bad") as bad, connected(port, device_id="good") as good:
        await bad.hello()
        await good.hello()
        yield bad, good, stage, hub


async def unharmed(good: DeviceClient, stage: Stage) -> None:
    """The good toy is heard and answered."""
    session = stage.sessions[1]
    heard = len(session.events)
    await good.send({"type": "abort"})
    await until(lambda: len(session.events) > heard)
    session.channel.keep_alive()
    assert (await good.json())["type"] == "ping"


async def only_pings_come_back(bad: DeviceClient, stage: Stage) -> None:
    """The bad toy is still served, and was told nothing."""
    stage.sessions[0].channel.keep_alive()
    assert await bad.json() == {"type": "ping"}


JUNK = {
    "not JSON": "hello " + SECRET,
    "half JSON": '{"type":"listen","text":"' + SECRET,
    "unescaped quotes": '{"type":"listen","state":"detect","text":"hi "' + SECRET + '""}',
    "no object": json.dumps([SECRET]),
    "no type": json.dumps({"text": SECRET}),
    "unknown type": json.dumps({"type": SECRET}),
    "wrong types": json.dumps({"type": "listen", "state": "detect", "text": [SECRET]}),
    "deep nesting": "[" * 100_000,
    "deep objects": '{"a":' * 100_000,
    "900 kB of typed text": json.dumps({"type": "listen", "state": "detect", "text": SECRET * 40_000}),
    "a number": "5",
    "nothing": "",
    "surrogates": '{"type":"listen","state":"detect","text":"\\ud800"}',
}


@pytest.mark.parametrize("text", JUNK.values(), ids=JUNK)
async def test_junk_text_is_survived_and_never_echoed_or_logged(text: str) -> None:
    with capture_logs() as lines:
        async with two_toys() as (bad, good, stage, hub):
            for _ in range(3):
                await bad.send(text)
            await bad.send({"type": "abort"})
            await until(lambda: stage.sessions[0].events)
            await only_pings_come_back(bad, stage)
            await unharmed(good, stage)
            expected = 0 if text == JUNK["unknown type"] else 3
            assert sum(hub.counters.junk.values()) == expected
    told = [line for line in lines if line["event"] == "Device sent something unusable"]
    assert [sum(line["reasons"].values()) for line in told] == [1, 2][:expected]
    assert SECRET not in repr(lines)
    assert all(line["device_id"] == "bad" and line["session_id"] for line in told)


async def test_a_hello_with_unusable_members_is_answered_and_they_are_counted() -> None:
    stage = Stage()
    hub = DeviceHub(OpenGate(), stage.open)
    async with serving(hub) as port, connected(port) as toy:
        await toy.send({"type": "hello", "version": "1", "transport": 5, "audio_params": [1]})
        assert (await toy.json())["type"] == "hello"
    assert hub.counters.junk == {"wrong_type": 2, "not_an_object": 1}


async def test_junk_that_no_line_has_told_yet_is_told_when_the_connection_ends() -> None:
    with capture_logs() as lines:
        async with two_toys() as (bad, _good, stage, _hub):
            await bad.send("junk")
            for _ in range(3):
                await bad.send("[]")
            await bad.send({"type": "abort"})
            await until(lambda: stage.sessions[0].events)
    told = [line for line in lines if line["event"] == "Device sent something unusable"]
    assert [line["reasons"] for line in told] == [{"not_json": 1}, {"not_an_object": 3}]
    assert [line["device_id"] for line in told] == ["bad", "bad"]


@pytest.mark.parametrize("framing", ["1", "2", "3"])
async def test_junk_audio_is_survived(framing: str) -> None:
    stage = Stage()
    hub = DeviceHub(OpenGate(), stage.open)
    async with serving(hub) as port, connected(port, headers={"Protocol-Version": framing}) as bad:
        await bad.send(b"before the hello")
        await bad.hello()
        for junk in (b"", b"\x00", b"\xff" * 15, b"\xff" * 60, b"x" * 70_000):
            await bad.send(junk)
        await bad.send({"type": "abort"})
        await until(lambda: stage.sessions[0].events)
        await only_pings_come_back(bad, stage)
    assert hub.counters.junk and all(len(packet.payload) <= 4000 for packet in stage.sessions[0].packets)


def masked(head: int, payload: bytes = b"", *, size: int | None = None) -> bytes:
    """A client frame with an all-zero mask; `size` may lie."""
    announced = len(payload) if size is None else size
    if announced < 126:
        return bytes((head, 0x80 | announced)) + bytes(4) + payload
    return struct.pack("!BBQ", head, 0xFF, announced) + bytes(4) + payload


BROKEN = {
    "invalid UTF-8": (masked(0x81, b"\xff\xfe"), 1007),
    "invalid UTF-8 in fragments": (masked(0x01, b"\xe4") + masked(0x80, b"x"), 1007),
    "20 MB of text": (masked(0x81, b"x" * 100_000, size=20_000_000), 1009),
    "too much in fragments": (masked(0x01, b"x" * 700_000) + masked(0x80, b"x" * 700_000), 1009),
    "unmasked": (bytes((0x81, 2)) + b"{}", 1002),
    "reserved bits": (masked(0xC1, b"{}"), 1002),
    "unknown opcode": (masked(0x83, b"x"), 1002),
    "a stray continuation": (masked(0x80, b"x"), 1002),
    "a long ping": (masked(0x89, b"x" * 200), 1002),
    "a close of one byte": (masked(0x88, b"x"), 1002),
}


@pytest.mark.parametrize(("data", "code"), BROKEN.values(), ids=BROKEN)
async def test_only_broken_frames_close_the_connection_and_say_so(data: bytes, code: int) -> None:
    async with two_toys() as (bad, good, stage, hub):
        await bad.raw(data)
        assert await bad.closing() == code
        await until(lambda: stage.sessions[0].finished)
        assert stage.sessions[0].times_closed == 1 and stage.sessions[0].reason is CloseReason.FAILED
        assert hub.counters.broken == 1
        await unharmed(good, stage)


async def test_a_sender_that_does_not_stop_after_1009_is_cut_off() -> None:
    async with two_toys() as (bad, good, stage, _):
        await bad.raw(masked(0x81, size=20_000_000))
        with pytest.raises((ConnectionError, TimeoutError)):
            for _ in range(2000):
                await bad.raw(b"x" * 10_000)
                await asyncio.sleep(0.001)
        await unharmed(good, stage)


async def test_a_flood_of_messages_is_cut_to_its_limit_and_hurts_nobody() -> None:
    limits = replace(LIMITS, texts_per_s=50, frames_per_s=100)
    async with two_toys(limits) as (bad, good, stage, hub):
        message = masked(0x81, b'{"type":"abort"}')
        flood = asyncio.create_task(bad.raw(message * 5000))
        await until(lambda: hub.counters.rested)
        await unharmed(good, stage)
        await asyncio.wait_for(flood, 5)
        await until(lambda: len(stage.sessions[0].events) >= 100, 10)  # the next second is welcome again
        assert hub.counters.texts_dropped > 0
        assert len(stage.sessions[0].events) <= 50 * (hub.counters.rested + 1)


async def test_a_flood_of_audio_is_cut_to_its_limit() -> None:
    async with two_toys(replace(LIMITS, packets_per_s=40)) as (bad, good, stage, hub):
        await bad.raw(masked(0x82, b"\x58") * 200)
        await until(lambda: hub.counters.packets_dropped >= 120)
        assert len(stage.sessions[0].packets) <= 80
        await unharmed(good, stage)


async def test_a_stalled_wifi_that_delivers_two_seconds_at_once_loses_nothing() -> None:
    async with two_toys() as (bad, _, stage, hub):
        await bad.raw(masked(0x82, b"\x58" * 100) * 33)
        await until(lambda: len(stage.sessions[0].packets) == 33)
        assert hub.counters.packets_dropped == 0


async def test_a_peer_that_never_reads_is_cut_off_and_its_session_told() -> None:
    async with two_toys() as (bad, good, stage, hub):
        bad.writer.transport.pause_reading()  # type: ignore[attr-defined]
        channel = stage.sessions[0].channel
        refused = 0
        async with asyncio.timeout(10):
            while not stage.sessions[0].finished:
                refused += not channel.send_audio(b"x" * 4000, 0)
                await asyncio.sleep(0)
        assert refused > 0  # audio waited before the peer was given up
        assert stage.sessions[0].reason is CloseReason.STALLED and hub.counters.stalled == 1
        await unharmed(good, stage)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what was acknowledged")
async def test_a_stalled_device_is_sent_about_a_second_ahead_and_goes_on_when_it_reads_again() -> None:
    packet = b"x" * 240
    async with serving(DeviceHub(OpenGate(), (stage := Stage()).open)) as port:
        async with connected(port, window_bytes=2304) as toy:
            await toy.hello()
            channel = stage.sessions[0].channel
            toy.writer.transport.pause_reading()  # type: ignore[attr-defined]
            sent = 0
            while channel.send_audio(packet, 0):
                sent += 1
                assert sent < 100, "the clock was never held"
                await asyncio.sleep(0)
            assert 10 <= channel.untaken_frames <= 20
            toy.writer.transport.resume_reading()  # type: ignore[attr-defined]
            for _ in range(sent):
                assert await toy.frame() is not None
            await until(lambda: channel.send_audio(packet, 0))
            assert await toy.frame() is not None
        assert not stage.sessions[0].reason or stage.sessions[0].reason is not CloseReason.STALLED


async def test_words_for_a_peer_that_never_reads_are_bounded() -> None:
    async with two_toys(replace(LIMITS, stalled_s=60)) as (bad, good, stage, hub):
        bad.writer.transport.pause_reading()  # type: ignore[attr-defined]
        channel = stage.sessions[0].channel
        for _ in range(20_000):
            channel.stt("x" * 1500)
            if stage.sessions[0].reason is not None or hub.counters.stalled:
                break
        await until(lambda: stage.sessions[0].finished)
        assert stage.sessions[0].reason is CloseReason.STALLED
        await unharmed(good, stage)


@pytest.mark.parametrize("moment", ["before the request", "before the hello", "listening", "speaking", "closing"])
async def test_a_reset_in_any_state_leaves_nothing_behind(moment: str) -> None:
    stage = Stage()
    hub = DeviceHub(OpenGate(), stage.open, limits=LIMITS)
    async with serving(hub) as port:
        if moment == "before the request":
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /xiaozhi/v1/ HTTP/1.1\r\nUpgrade: websocket\r\n")
            writer.transport.abort()
        else:
            async with connected(port) as toy:
                if moment != "before the hello":
                    await toy.hello()
                if moment == "speaking":
                    stage.sessions[0].channel.tts_start()
                if moment == "closing":
                    stage.sessions[0].channel.close(CloseReason.IDLE)
                toy.reset()
        await until(lambda: len(hub.switchboard) == 0 and all(session.finished for session in stage.sessions))
        assert all(session.times_closed == 1 for session in stage.sessions)
        async with connected(port) as next_toy:
            assert (await next_toy.hello())["type"] == "hello"


@pytest.mark.parametrize(
    "request_text",
    [
        b"POST /xiaozhi/v1/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET /xiaozhi/v1/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nDevice-Id: a\r\n\r\n",
        b"GET /xiaozhi/v1/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nDevice-Id: a\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ???\r\n\r\n",
        b"GET /xiaozhi/v1/?" + b"&".join(b"a%d=1" % n for n in range(100)) + b" HTTP/1.1\r\nHost: x\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nDevice-Id: \xff\xfe\r\n\r\n",
        b"GET /xiaozhi/v1/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n",
    ],
)  # fmt: skip
async def test_a_request_that_is_no_upgrade_is_answered_with_an_error_and_closed(request_text: bytes) -> None:
    async with serving(DeviceHub(OpenGate(), Stage().open)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_text)
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 4")


async def test_pings_of_a_peer_that_never_reads_the_answers_do_not_fill_memory() -> None:
    async with two_toys(replace(LIMITS, frames_per_s=1_000_000, bytes_per_s=2**40)) as (bad, good, stage, _):
        bad.writer.transport.pause_reading()  # type: ignore[attr-defined]
        ping = masked(0x89, b"x" * 125)
        flood = asyncio.create_task(bad.raw(ping * 300_000))
        await until(lambda: stage.sessions[0].reason is CloseReason.STALLED, 20)
        flood.cancel()
        await asyncio.gather(flood, return_exceptions=True)
        await unharmed(good, stage)


async def test_an_opcode_of_ours_is_what_the_library_writes() -> None:
    from websockets.frames import Frame

    from main_server.device.server_frames import BINARY, TEXT, server_frame

    for size in (0, 1, 125, 126, 65_535, 65_536):
        payload = b"x" * size
        assert server_frame(BINARY, payload) == Frame(Opcode.BINARY, payload).serialize(mask=False)
        assert server_frame(TEXT, payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
